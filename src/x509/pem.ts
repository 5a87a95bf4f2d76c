// Certificates as PEM (RFC 7468), in and out. What CAs send differs in line ends and in what they write between the blocks;
// what goes to disk has one form, so that a file never changes but when its content does.

/** Not global: such an expression remembers where it stopped, and matchAll() would begin there. */
const PEM = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/
const EVERY_PEM = new RegExp(PEM, 'g')

/** The bytes of every certificate in a PEM text (RFC 7468 §5); whatever stands between them is passed over. */
export const pemBodies = (text: string): Buffer[] =>
  [...text.matchAll(EVERY_PEM)].map(([, body = '']) => Buffer.from(body, 'base64'))

/** The first of them; undefined: there is none. Of the others, which a chain has, nothing is decoded. */
export function firstPemBody(text: string): Buffer | undefined {
  const body = PEM.exec(text)?.[1]
  return body === undefined ? undefined : Buffer.from(body, 'base64')
}

/** What a PEM text holds, in order: label and bytes of each block (RFC 7468 §2); a secret is not decoded. */
export const pemBlocks = (text: string): { readonly label: string; readonly body: Buffer }[] =>
  [...text.matchAll(/-----BEGIN ([A-Z0-9 ]{1,64})-----([A-Za-z0-9+/=\s]*)-----END \1-----/g)].map(
    ([, label = '', body = '']) => ({ label, body: Buffer.from(label.includes('PRIVATE') ? '' : body, 'base64') }),
  )

/** One block as PEM: 64 columns, LF, newline at the end (RFC 7468 §2). */
export function toPem(der: Uint8Array, label = 'CERTIFICATE'): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n')
}

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

/** One certificate as PEM: 64 columns, LF, newline at the end (RFC 7468 §2). */
export function toPem(der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'
import { type FakeCa, fakeCa, problem, type Reply } from './ca.js'

export interface HeldAccount {
  readonly url: string
  jwk: JsonWebKey
  status: string
  contact: readonly string[]
}

/** A CA that keeps accounts, and does what RFC 8555 §7.3 says of them. */
export interface AccountCa extends FakeCa {
  readonly accounts: HeldAccount[]
  /** The account of this key, by its thumbprint. */
  by(thumbprint: string): HeldAccount | undefined
}

export function accountCa(base = 'https://ca.test'): AccountCa {
  const accounts: HeldAccount[] = []
  const ca = fakeCa(base, kid => accounts.find(({ url }) => url === kid)?.jwk)
  const by = (thumbprint: string) => accounts.find(({ jwk }) => thumbprintOf(jwk) === thumbprint)
  const shown = ({ url, status, contact }: HeldAccount, code: number): Reply => ({
    status: code,
    headers: { location: url },
    body: { status, contact },
  })
  const closed = problem('unauthorized', 'the account is deactivated', 401)

  ca.always('/directory', {
    body: {
      newNonce: `${base}/new-nonce`,
      newAccount: `${base}/new-account`,
      newOrder: `${base}/new-order`,
      keyChange: `${base}/key-change`,
      meta: { termsOfService: `${base}/terms` },
    },
  })
  ca.always('/new-account', ({ protected: { jwk }, payload }) => {
    const there = by(thumbprintOf(jwk as JsonWebKey))
    if (there) return there.status === 'valid' ? shown(there, 200) : closed
    if (payload?.onlyReturnExisting) return problem('accountDoesNotExist', 'no account for this key', 400)
    const contact = (payload?.contact as string[] | undefined) ?? []
    const made = { url: `${base}/acct/${accounts.length + 1}`, jwk: jwk as JsonWebKey, status: 'valid', contact }
    accounts.push(made)
    ca.always(new URL(made.url).pathname, ({ payload }) => {
      if (made.status !== 'valid') return closed
      if (payload?.status === 'deactivated') made.status = 'deactivated'
      if (Array.isArray(payload?.contact)) made.contact = payload.contact
      return shown(made, 200)
    })
    return shown(made, 201)
  })
  ca.always('/key-change', ({ protected: { kid, url }, payload }) => {
    const inner = payload as unknown as Record<'protected' | 'payload' | 'signature', string>
    const head = decoded(inner.protected)
    const account = accounts.find(one => one.url === kid) as HeldAccount
    const said = decoded(inner.payload)
    const text = Buffer.from(`${inner.protected}.${inner.payload}`)
    const key = createPublicKey({ format: 'jwk', key: head.jwk })
    const isSigned = verify(
      'sha256',
      text,
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(inner.signature, 'base64url'),
    )
    const isRight = head.url === url && head.nonce === undefined && said.account === kid
    if (!isSigned || !isRight || thumbprintOf(said.oldKey) !== thumbprintOf(account.jwk))
      return problem('malformed', 'not as RFC 8555 §7.3.5 has it', 400)
    if (by(thumbprintOf(head.jwk))) return problem('malformed', 'the key is in use', 409)
    account.jwk = head.jwk
    return shown(account, 200)
  })
  return Object.assign(ca, { accounts, by })
}

const decoded = (text: string) => JSON.parse(Buffer.from(text, 'base64url').toString())

/** RFC 7638, of a P-256 key. */
const thumbprintOf = ({ crv, kty, x, y }: JsonWebKey): string =>
  createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')

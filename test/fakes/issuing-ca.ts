import { createHash, webcrypto as crypto, type JsonWebKey } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import { accountLabel } from '../../src/acme/challenge.js'
import type { HttpRequest } from '../../src/core/world.js'
import { directoryOf, type FakeCa, fakeCa, problem, type Reply } from './ca.js'

x509.cryptoProvider.set(crypto as never)
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const newKeys = () => crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
const [rootKeys, strangersKeys] = [await newKeys(), await newKeys()]
const DAY = 86_400_000

/** How the CA behaves; without any of it, well. */
export interface CaManners {
  /** The types of its challenges, in this order; dns-01 alone when absent. */
  readonly offers?: readonly string[]
  /** Which draft of dns-persist-01 it speaks; 01 when absent. */
  readonly persistDraft?: '01' | '02'
  /** An accepted challenge is never looked at. */
  readonly neverValidates?: boolean
  /** It sees no TXT record at these names, whatever stands there. */
  readonly blindFor?: readonly string[]
  /** A finalized order is processing for ever. */
  readonly neverSigns?: boolean
  /** An order becomes invalid when it is finalized, although all its names are proved. */
  readonly refusesToSign?: boolean
  /** The certificate is for a key that nobody asked with. */
  readonly signsAnotherKey?: boolean
  /** This name is left out. */
  readonly forgets?: string
  /** Lifetime of what it signs; 90 days when absent. */
  readonly livesHours?: number
  /** It adds this name of itself. */
  readonly adds?: string
  /** Its clock is ahead of everybody else's. */
  readonly clockAheadSeconds?: number
  /** Its certificates name the key of their issuer, and it says when to renew each: of the certId (RFC 9773 §4.1). */
  readonly renewalInfo?: (certId: string) => Reply
  /** What it answers to an order with `replaces`, instead of making it. */
  readonly refusesToReplace?: Reply
}

export interface IssuingCa extends FakeCa {
  readonly orders: readonly {
    readonly url: string
    readonly names: readonly string[]
    readonly profile?: unknown
    readonly replaces?: string | undefined
  }[]
  /** Certificates that were signed: URL of the order, and names. */
  readonly issued: readonly { readonly order: string; readonly names: readonly string[] }[]
  /** What it was asked to sign, as it was sent. */
  readonly requests: readonly string[]
  manners: CaManners
}

export interface CaSurroundings {
  /** What the CA sees in the DNS: the TXT values of a name. */
  readonly txt: (name: string) => readonly string[] | Promise<readonly string[]>
  readonly now: () => Date
}

interface Authorization {
  readonly name: string
  readonly wildcard: boolean
  status: 'pending' | 'valid' | 'invalid'
}

/** What stands before the hash of an account by draft 02 of dns-persist-01. */
export const hashPrefix = 'https://ca.test/h/'

/** A whole CA in memory: registers, orders, looks for the TXT values, signs what the request asks for, and remembers it all. */
export function issuingCa(around: CaSurroundings, base = 'https://ca.test'): IssuingCa {
  const ca = fakeCa(base)
  const orders: { url: string; names: string[]; profile: unknown; replaces?: string | undefined }[] = []
  const issued: { order: string; names: readonly string[] }[] = []
  const requests: string[] = []
  const accounts = new Set<string>()
  let newest: JsonWebKey | undefined

  ca.always('/directory', () => ({
    body: {
      ...{ newNonce: `${base}/new-nonce`, newAccount: `${base}/new-account`, newOrder: `${base}/new-order` },
      ...{ revokeCert: `${base}/revoke-cert` },
      meta: {
        ...{ termsOfService: `${base}/terms`, caaIdentities: ['ca.test'] },
        ...(made.manners.persistDraft === '02' && {
          issuerDomainNames: ['persist.ca.test'],
          accountHashPrefix: hashPrefix,
        }),
      },
    },
  }))

  ca.always('/new-account', ({ protected: { jwk }, payload }) => {
    const thumbprint = thumbprintOf(jwk as JsonWebKey)
    if (payload?.onlyReturnExisting && !accounts.has(thumbprint))
      return problem('accountDoesNotExist', 'no account for this key', 400)
    accounts.add(thumbprint)
    newest = jwk
    return { status: 201, headers: { location: `${base}/account/1` }, body: { status: 'valid' } }
  })

  ca.always('/new-order', ({ payload }) => {
    const names = ((payload?.identifiers ?? []) as { value: string }[]).map(({ value }) => value)
    const replaces = payload?.replaces as string | undefined
    if (replaces !== undefined && made.manners.refusesToReplace) return made.manners.refusesToReplace
    const id = orders.length + 1
    const url = `${base}/order/${id}`
    orders.push({ url, names, profile: payload?.profile, ...(replaces !== undefined && { replaces }) })
    return newOrder(id, url, names)
  })

  function newOrder(id: number, url: string, names: readonly string[]): Reply {
    const authorizations = names.map((name, i) => offer(`${id}-${i}`, name))
    let status: 'processing' | 'valid' | 'invalid' | undefined
    let certificate = ''
    const body = () => ({
      status: status ?? statusOf(authorizations),
      identifiers: names.map(value => ({ type: 'dns', value })),
      authorizations: authorizations.map((_, i) => `${base}/authz/${id}-${i}`),
      finalize: `${base}/finalize/${id}`,
      ...(status === 'valid' && { certificate: `${base}/certificate/${id}` }),
    })
    ca.always(`/order/${id}`, () => {
      const reply = { body: body() }
      if (status === 'processing' && !made.manners.neverSigns) status = 'valid'
      return reply
    })
    ca.always(`/finalize/${id}`, async ({ payload }) => {
      if (body().status !== 'ready') return problem('orderNotReady', `it is ${body().status}`)
      status = made.manners.refusesToSign ? 'invalid' : 'processing'
      if (status === 'processing') {
        requests.push(String(payload?.csr))
        certificate = await sign(String(payload?.csr), names, new Date(ahead()), made.manners)
        issued.push({ order: url, names })
      }
      return { headers: { location: url }, body: body() }
    })
    ca.always(`/certificate/${id}`, () =>
      status === 'valid'
        ? { headers: { 'content-type': 'application/pem-certificate-chain' }, body: certificate }
        : problem('malformed', 'not yet', 404),
    )
    return { status: 201, headers: { location: url }, body: body() }
  }

  const ahead = (): number => around.now().getTime() + (made.manners.clockAheadSeconds ?? 0) * 1000

  function offer(id: string, ordered: string): Authorization {
    const wildcard = ordered.startsWith('*.')
    const one: Authorization = { name: ordered.replace('*.', ''), wildcard, status: 'pending' }
    const offers = made.manners.offers ?? ['dns-01']
    const pathOf = (type: string): string => `/${type === 'dns-01' ? 'challenge' : type}/${id}`
    const challenge = (type: string) => ({
      ...{ type, url: `${base}${pathOf(type)}`, status: one.status },
      ...(type === 'dns-persist-01' ? persistFields() : { token: `t-${id}` }),
    })
    ca.always(`/authz/${id}`, () => ({
      body: {
        status: one.status,
        identifier: { type: 'dns', value: one.name },
        ...(wildcard && { wildcard }),
        challenges: offers.map(challenge),
      },
    }))
    for (const type of offers)
      ca.always(pathOf(type), async ({ payload }) => {
        if (payload && one.status === 'pending' && !made.manners.neverValidates) {
          const isGood = !made.manners.blindFor?.includes(one.name) && (await isProved(type, id, one))
          one.status = isGood ? 'valid' : 'invalid'
        }
        return { body: challenge(type) }
      })
    return one
  }

  const persistFields = () =>
    made.manners.persistDraft === '02'
      ? { issuerDomainNames: ['persist.ca.test'] }
      : { 'issuer-domain-names': ['persist.ca.test', 'ca.test'], accounturi: `${base}/account/1` }

  /** Reads the record by itself: what dns01 takes for good is what somebody else takes for good. */
  async function standsRecord({ name, wildcard }: Authorization): Promise<boolean> {
    const hash = (at: string): string =>
      createHash('sha256')
        .update([String.fromCharCode(at.length), at, thumbprintOf(newest as JsonWebKey), `${base}/account/1`].join(''))
        .digest('base64url')
    const uris =
      made.manners.persistDraft === '02'
        ? [name, '*'].map(at => `${hashPrefix}sha-256/${hash(at)}`)
        : [`${base}/account/1`]
    const isGood = (text: string): boolean => {
      const [issuer = '', ...parts] = text.split(';').map(part => part.trim())
      const said = Object.fromEntries(parts.map(part => part.split(/=(.*)/, 2)))
      const isOver = said.persistUntil !== undefined && Number(said.persistUntil) * 1000 <= around.now().getTime()
      return (
        ['persist.ca.test', 'ca.test'].includes(issuer) &&
        uris.includes(said.accounturi) &&
        !isOver &&
        (!wildcard || said.policy === 'wildcard')
      )
    }
    return (await around.txt(`_validation-persist.${name}`)).some(isGood)
  }

  async function isProved(type: string, id: string, one: Authorization): Promise<boolean> {
    if (type === 'dns-persist-01') return standsRecord(one)
    const { name } = one
    const keyAuthorization = `t-${id}.${thumbprintOf(newest as JsonWebKey)}`
    const value = createHash('sha256').update(keyAuthorization).digest('base64url')
    const label = type === 'dns-account-01' ? `${accountLabel(`${base}/account/1`)}.` : ''
    return (await around.txt(`${label}_acme-challenge.${name}`)).includes(value)
  }

  const usual = ca.always
  const made: IssuingCa = Object.assign(Object.create(ca) as FakeCa, {
    orders,
    issued,
    requests,
    manners: {} as CaManners,
  })
  return Object.assign(made, {
    fetch: (url: URL, request: HttpRequest) => {
      const certId = url.pathname.match(/^\/renewal-info\/(.+)/)?.[1]
      if (certId !== undefined && made.manners.renewalInfo) usual(url.pathname, made.manners.renewalInfo(certId))
      if (url.pathname === '/directory' && made.manners.renewalInfo) offerRenewalInfo(ca, base)
      return ca.fetch(url, request)
    },
  })
}

const offerRenewalInfo = (ca: FakeCa, base: string): void =>
  ca.always('/directory', { body: { ...directoryOf(base), renewalInfo: `${base}/renewal-info` } })

const statusOf = (all: readonly Authorization[]): string => {
  if (all.some(({ status }) => status === 'invalid')) return 'invalid'
  return all.every(({ status }) => status === 'valid') ? 'ready' : 'pending'
}

/** RFC 7638, of a P-256 key. */
const thumbprintOf = ({ crv, kty, x, y }: JsonWebKey): string =>
  createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url')

/** 90 days from now for the key of the request and the names of the order, and its issuer; PEM. */
async function sign(csr: string, names: readonly string[], now: Date, manners: CaManners): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(Buffer.from(csr, 'base64url'))
  const added = manners.adds === undefined ? [] : [manners.adds]
  const signed = [...names.filter(name => name !== manners.forgets), ...added].map(
    value => ({ type: 'dns', value }) as const,
  )
  const dates = {
    notBefore: new Date(now),
    notAfter: new Date(now.getTime() + ((manners.livesHours ?? 90 * 24) / 24) * DAY),
  }
  const certificate = await x509.X509CertificateGenerator.create({
    ...dates,
    subject: '',
    issuer: root.subject,
    publicKey: manners.signsAnotherKey ? (strangersKeys.publicKey as never) : request.publicKey,
    signingKey: rootKeys.privateKey as never,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.SubjectAlternativeNameExtension(signed),
      ...(manners.renewalInfo ? [await x509.AuthorityKeyIdentifierExtension.create(rootKeys.publicKey as never)] : []),
    ],
  })
  return `${certificate.toString('pem')}\n${root.toString('pem')}\n`
}

const root = await x509.X509CertificateGenerator.createSelfSigned({
  name: 'CN=issuing CA of a test',
  keys: rootKeys as never,
  notBefore: new Date('2020-01-01T00:00:00Z'),
  notAfter: new Date('2040-01-01T00:00:00Z'),
  signingAlgorithm: ALGORITHM,
  extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
})

// Signs what goes to the CA (RFC 8555 §6.2, RFC 7515). The two libraries that do it are loaded only in a run that
// talks to a CA: most runs find nothing to do.
import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import pLimit from 'p-limit'

/** What we need of an account's key; an x509 KeyPair is one. */
export interface AccountKey {
  /** PKCS#1, SEC1 or PKCS#8, as whoever made it wrote it: acmetool stores the first two. Secret. */
  readonly pem: string
  /** JWK thumbprint (RFC 7638). */
  readonly thumbprint: string
}

/** MAC algorithms of a binding (RFC 7518 §3.2). RFC 8555 §7.3.4 asks for a MAC-based one and names none; its example has HS256. */
export const MAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const

/** External account binding (RFC 8555 §7.3.4): what the CA gave out by other means, for example on its web page. */
export interface ExternalAccount {
  readonly keyId: string
  /** base64 or base64url, padded or not (RFC 4648 §4, §5): CAs show it in either. Secret. */
  readonly hmacKey: string
  readonly algorithm: (typeof MAC_ALGORITHMS)[number]
}

/** What a request says of itself in its protected header (RFC 8555 §6.2). */
interface SignedHeader {
  /** Signed as well (§6.4), so that no proxy can lead the request to another resource. */
  readonly url: string
  readonly nonce: string
  /** The account's URL; absent, the key itself goes along. Never both (§6.2). */
  readonly keyId?: string | undefined
}

/** Makes the bodies of signed requests: flattened JWS (RFC 7515 §7.2.2). */
export interface Signer {
  /** Loads what signing needs, if nobody has asked for it yet: 20 ms, which fit into waiting for the directory. */
  load(): Promise<unknown>
  /** `null` is POST-as-GET (RFC 8555 §6.3): an empty payload, which is not the same as the payload `{}`. */
  sign(payload: object | null, header: SignedHeader): Promise<string>
  /** The request for an account (RFC 8555 §7.3); its payload is left as it is. */
  signNewAccount(payload: object, header: SignedHeader, externalAccount?: ExternalAccount): Promise<string>
}

/**
 * Two libraries, each by its public interface. acme-client makes what asks for an account: its Client puts the key into the
 * header. jose signs what the account asks then, seven requests for each
 * certificate. acme-client could sign them, too, but reads the PEM anew for each: 0.4 ms, where jose takes 0.15 (`node
 * test/bench/libraries.mjs`), or a seventh of a run over a hundred certificates; and it cannot sign a revocation by the
 * certificate's own key, nor bind an external account by anything but HS256, which jose does therefore. Neither touches the
 * network: acme-client's HTTP has no time-out, hides network errors, and fetches a nonce for each request, which answers
 * bring along (RFC 8555 §6.5).
 */
export function openSigner(key: AccountKey): Signer {
  let loading: Promise<Jose> | undefined
  const jose = (): Promise<Jose> => {
    loading ??= loadJose(key)
    return loading
  }
  return {
    load: () => Promise.all([jose(), loadAcmeClient()]),
    async sign(payload, { url, nonce, keyId }) {
      const { FlattenedSign, alg, privateKey } = await jose()
      const who = keyId === undefined ? { jwk: jwkOf(key) } : { kid: keyId }
      const bytes = Buffer.from(payload === null ? '' : JSON.stringify(payload))
      return JSON.stringify(
        await new FlattenedSign(bytes).setProtectedHeader({ alg, nonce, url, ...who }).sign(privateKey),
      )
    },
    async signNewAccount(payload, header, externalAccount) {
      const { FlattenedSign } = await jose()
      const binding = externalAccount && (await bindingOf(FlattenedSign, key, externalAccount, header.url))
      const whole = binding ? { ...payload, externalAccountBinding: binding } : payload
      return oneAtATime(() => newAccountBody(key, whole, header))
    },
  }
}

const jwkOf = ({ pem }: AccountKey): JsonWebKey => createPublicKey(pem).export({ format: 'jwk' })

/**
 * The inner JWS of a change of key (RFC 8555 §7.3.5): signed by the new key, which goes along, so that nobody can give his
 * account a key that he does not hold. Like a binding it has no nonce: the request around it has one.
 */
export async function keyChangeBy(to: AccountKey, from: AccountKey, account: string, url: string): Promise<object> {
  const { FlattenedSign, alg, privateKey } = await loadJose(to)
  const bytes = Buffer.from(JSON.stringify({ account, oldKey: jwkOf(from) }))
  return new FlattenedSign(bytes).setProtectedHeader({ alg, jwk: jwkOf(to), url }).sign(privateKey)
}

/**
 * RFC 8555 §7.3.4: a JWS over our public key, by the key that the CA gave out; its header has no nonce, and the URL of the
 * request around it.
 */
function bindingOf(
  FlattenedSign: Jose['FlattenedSign'],
  key: AccountKey,
  { keyId, hmacKey, algorithm }: ExternalAccount,
  url: string,
): Promise<object> {
  const bytes = Buffer.from(JSON.stringify(jwkOf(key)))
  const header = { alg: algorithm, kid: keyId, url }
  return new FlattenedSign(bytes).setProtectedHeader(header).sign(Buffer.from(hmacKey, 'base64')) // node reads base64url as well
}

interface Jose {
  readonly FlattenedSign: typeof import('jose/jws/flattened/sign').FlattenedSign
  readonly alg: string
  readonly privateKey: KeyObject
}

/** The key is parsed once and kept: that is where the time goes when each signature reads the PEM. */
async function loadJose({ pem }: AccountKey): Promise<Jose> {
  const { FlattenedSign } = await import('jose/jws/flattened/sign')
  const privateKey = createPrivateKey(pem)
  return { FlattenedSign, privateKey, alg: ALGORITHMS[privateKey.asymmetricKeyDetails?.namedCurve ?? ''] ?? 'RS256' }
}

/**
 * OpenSSL's name of the curve → algorithm (RFC 7518 §3.1). Without a curve the key is RSA and the algorithm RS256, the only
 * one that Boulder takes from RSA keys. EdDSA is missing: acme-client cannot make an account with it.
 */
const ALGORITHMS: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

const loadAcmeClient = async () => (await import('acme-client')).default // CommonJS: the bundle knows no other export

/**
 * acme-client has one HTTP layer for the whole process; whose request it is, is known by having one at a time. None waits
 * for the network.
 */
const oneAtATime = pLimit(1)

/** Leads the body out of acme-client, whose methods send what they have signed and have no way to only sign. */
class Signed extends Error {
  constructor(readonly body: string) {
    super('signed')
  }
}

/**
 * Lets acme-client's createAccount() run against an adapter that answers from here: a directory in which everything is at
 * `url`, our nonce, and, for the signed request itself, a throw that carries its body out.
 */
async function newAccountBody({ pem }: AccountKey, payload: object, { url, nonce }: SignedHeader): Promise<string> {
  const { Client, axios } = await loadAcmeClient()
  axios.defaults.adapter = async config => {
    const answer = { status: 200, statusText: '', headers: {}, data: {}, config }
    // it signs for the URL that its directory names, so that is the true one
    if (config.method === 'get') return { ...answer, data: { newNonce: url, newAccount: url } }
    if (config.method === 'head') return { ...answer, headers: { 'replay-nonce': nonce } }
    throw new Signed(String(config.data))
  }
  const client = new Client({
    directoryUrl: url, // which the adapter answers
    accountKey: pem,
  })
  try {
    await client.createAccount({ ...payload }) // acme-client writes into it
  } catch (error) {
    if (error instanceof Signed) return error.body
    throw error
  }
  // Not a Dns01Error: only another version of acme-client could get here, and that is a bug of ours.
  throw new Error('acme-client made an account without a request')
}

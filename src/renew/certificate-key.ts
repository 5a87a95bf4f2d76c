// Which private key a certificate is asked for with: a new one each time, unless the target says otherwise
// (request.key.id, request.key.reuse). A new key ends what somebody could do who once got hold of the old one; an old key is
// for those who have published it: in a TLSA record (DANE, RFC 7671), or pinned in an app.
import { codeOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { type Csr, linkName, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { createCsr } from '../x509/csr.js'
import { generateKey, isAsStrongAs, type KeyPair } from '../x509/keys.js'

export interface KeyParts {
  readonly world: Pick<World, 'clock' | 'log'>
  readonly state: Pick<StateDir, 'keyIds' | 'key' | 'keyMadeAt' | 'addKey' | 'liveCertificate'>
}

/** What finalize sends (RFC 8555 §7.4), and for which key. */
export interface Request {
  readonly keyId: string
  /** Whether the key is in keys/. */
  readonly isOurs: boolean
  csr(names: readonly Name[]): Uint8Array
}

/** The request of request.csr, for which no key is made or looked for; else one of ours, its key being on disk. */
export async function requestFor(parts: KeyParts, target: Target): Promise<Request> {
  return target.csr ? theirs(target.csr) : ours(await keyFor(parts, target), target)
}

/** Made when it is sent: the names may have become fewer meanwhile (request.partial). */
export const ours = (key: KeyPair, { mustStaple }: Pick<Target, 'mustStaple'>): Request => ({
  keyId: key.id,
  isOurs: true,
  csr: names => createCsr(key, names, { mustStaple }),
})

/** As it is, whatever the names: what is changed in it is no longer signed. */
export const theirs = ({ keyId, der }: Csr): Request => ({
  keyId,
  isOurs: false,
  csr: () => Buffer.from(der, 'base64url'),
})

/** On disk. request.key.id names a key to use; when it is not there, a new one is made and the log says so. */
export async function keyFor(parts: KeyParts, target: Target): Promise<KeyPair> {
  const { state, world } = parts
  const { id } = target.key
  if (id !== undefined && state.keyIds().has(id)) return state.key(id)
  if (id !== undefined)
    world.log.warn(`${target.file}: the key ${id} (request.key.id) is not in keys/; making a new one`)
  const old = keyToReuse(parts, target)
  if (old) return old
  const key = await generateKey(target.key)
  await state.addKey(key)
  return key
}

const dayMs = 86_400_000

/**
 * The key of the certificate that is live for the first name, which is the one that is replaced. Not if it is of another
 * type or shorter than what the target asks for now, nor of a certificate that was revoked: that may have been for the
 * key's sake (keyCompromise), and the CA takes it no more.
 */
function keyToReuse({ state, world }: KeyParts, { file, names, label, key }: Target): KeyPair | undefined {
  if (!key.reuse) return undefined
  const live = state.liveCertificate(linkName(names[0] as Name, label))
  if (!live) return undefined
  const because = (why: string): undefined =>
    void world.log.info(`${file}: a new key is made, not the old one used again: ${why}`)
  if (live.revoked) return because('its certificate is revoked')
  const madeAt = state.keyMadeAt(live.keyId)
  if (!madeAt) return because(`${live.keyId} is not in keys/`)
  if (typeof key.reuse === 'number' && world.clock.now().getTime() - madeAt.getTime() >= key.reuse * dayMs)
    return because(`it is older than ${key.reuse} days`)
  try {
    const old = state.key(live.keyId)
    return isAsStrongAs(old.pem, key) ? old : because('it is of another type, or shorter than is asked for now')
  } catch (error) {
    if (codeOf(error) !== 'STATE') throw error
    return because('it cannot be read')
  }
}

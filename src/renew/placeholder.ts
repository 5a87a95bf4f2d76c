// Placeholders: self-signed certificates in live/, so that a web server whose configuration names live/NAME can start before a
// CA has issued anything. In certs/ they look like a certificate that was revoked: acmetool opens the directory, counts them
// for nothing and culls them, and so do we. The first certificate of a CA takes their place.
import type { Name } from '../core/names.js'
import { claims, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Certificate } from '../state/certificates.js'
import { isPlaceholder, PLACEHOLDERS } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { generateKey } from '../x509/keys.js'
import { toPem } from '../x509/pem.js'
import { selfSignedCertificate } from '../x509/self-signed.js'
import type { Held } from './best-certificate.js'
import { type LinkChange, nameOf } from './link-changes.js'
import { pointLinks } from './links.js'

/** Long enough for a name server to be put right, short enough that nobody takes it for the real one. */
const placeholderDays = 7

/** When so much is left another takes its place. Cron runs once a day at least. */
const renewedWithDays = 3.5

const dayMs = 86_400_000

/** A clock that is a little ahead here must not make it invalid elsewhere. */
const backdatedMs = 3_600_000

/** In issuer and subject, for who looks at what is served. */
const organization = 'dns01 placeholder: no CA has issued this'

/** Links that are to get a placeholder, by the target that owns them. */
export type Placing = ReadonlyMap<Target, readonly string[]>

/** The links of these target files that lead nowhere yet. Pure. */
export function unlinkedOf(files: readonly string[], { targets, links }: Omit<Held, 'certificates'>): Placing {
  return byTarget(targets, (link, { file }) => files.includes(file) && !links.has(link))
}

/** The links to placeholders that end soon, or cannot be used any more. Pure; with no placeholder, a look at each certificate. */
export function endingPlaceholders({ targets, certificates, links }: Held, now: Date): Placing {
  const isEnding = ({ url, facts, complete, hasKey }: Certificate): boolean =>
    isPlaceholder(url) &&
    (!complete || !hasKey || !facts || facts.notAfter.getTime() - now.getTime() < renewedWithDays * dayMs)
  const ending = new Set(certificates.filter(isEnding).map(({ id }) => id))
  if (ending.size === 0) return new Map()
  return byTarget(targets, link => ending.has(links.get(link) ?? ''))
}

function byTarget(targets: readonly Target[], isMeant: (link: string, target: Target) => boolean): Placing {
  const placing = new Map<Target, string[]>()
  for (const [link, target] of claims(targets))
    if (!target.csr && isMeant(link, target)) placing.set(target, [...(placing.get(target) ?? []), link])
  return placing
}

/**
 * A placeholder for each of these targets, with a key of its own, and the links to it. Hooks are told by the run that follows.
 * @returns the names that have one now
 */
export async function placePlaceholders(
  world: Pick<World, 'clock' | 'random'>,
  state: StateDir,
  placing: Placing,
): Promise<Name[]> {
  const changes: LinkChange[] = []
  for (const [target, links] of placing) {
    const certificateId = await makePlaceholder(world, state, target.names)
    changes.push(...links.map(link => ({ link, certificateId })))
  }
  await pointLinks(state, changes)
  return changes.map(({ link }) => nameOf(link))
}

/** P-256 whatever the target says: it serves nobody but the program that wants to start. */
async function makePlaceholder(
  world: Pick<World, 'clock' | 'random'>,
  state: StateDir,
  names: readonly Name[],
): Promise<string> {
  const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
  const now = world.clock.now().getTime()
  const der = selfSignedCertificate(key, {
    names,
    organization,
    notBefore: new Date(now - backdatedMs),
    notAfter: new Date(now + placeholderDays * dayMs),
    serial: world.random(16),
  })
  await state.addKey(key)
  const url = PLACEHOLDERS + key.id
  return state.addCertificate({ url, keyId: key.id, cert: toPem(der), chain: '', revoked: true })
}

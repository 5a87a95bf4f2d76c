/**
 * What `dns01 cull` removes, and what it must leave: to find the waste and to remove it are two steps, so that somebody can
 * agree in between.
 */

import { claims } from '../core/target.js'
import type { Prompt, World } from '../core/world.js'
import { type LinkChange, linkChanges } from '../renew/link-changes.js'
import type { Certificate } from '../state/certificates.js'
import type { StateDir } from '../state/state-dir.js'
import { type KeyUse, keyUse, unusedKeys } from '../state/unused-keys.js'

/** What nobody needs any more. */
export interface Waste {
  /** Names in live/ that no target wants. */
  readonly links: readonly string[]
  /** Expired or revoked, and not live. */
  readonly certificates: readonly Certificate[]
  /** Keys that no certificate and no target uses. */
  readonly keys: readonly string[]
}

export interface Holdings extends KeyUse {
  readonly certificates: readonly Certificate[]
  readonly links: ReadonlyMap<string, string>
}

/**
 * The waste of a state directory whose links are up to date. Orders not yet downloaded stay; a valid certificate stays
 * even when nobody wants it.
 */
export function waste(held: Holdings, now: Date): Waste {
  const wanted = claims(held.targets)
  const links = held.allTargetsKnown ? [...held.links.keys()].filter(link => !wanted.has(link)) : []
  const live = new Set([...held.links].flatMap(([link, id]) => (links.includes(link) ? [] : [id])))
  const certificates = held.certificates.filter(c => c.complete && !live.has(c.id) && isSpent(c, now))
  const staying = held.certificates.filter(c => !certificates.includes(c))
  return { links, certificates, keys: unusedKeys(held, staying) }
}

const isSpent = ({ revoked, facts }: Certificate, now: Date): boolean =>
  revoked || (facts !== undefined && facts.notAfter <= now)

/** Links brought up to date as the next reconcile would, and what is waste then. Changes nothing. */
export function findWaste(
  world: Pick<World, 'clock'>,
  state: StateDir,
): { readonly waste: Waste; readonly relink: readonly LinkChange[] } {
  const now = world.clock.now()
  const use = keyUse(state)
  const certificates = state.certificates()
  const links = state.links()
  const relink = linkChanges({ targets: use.targets, certificates, links }, { now })
  const held = {
    ...use,
    certificates,
    links: new Map([...links, ...relink.map(({ link, certificateId }) => [link, certificateId] as const)]),
  }
  return { waste: waste(held, now), relink }
}

/** What of `shown` is waste still: somebody agreed to no more, and another run may have worked meanwhile. */
export function stillWaste(shown: Waste, now: Waste): Waste {
  const agreedTo = new Set(shown.certificates.map(({ id }) => id))
  return {
    links: now.links.filter(link => shown.links.includes(link)),
    certificates: now.certificates.filter(({ id }) => agreedTo.has(id)),
    keys: now.keys.filter(id => shown.keys.includes(id)),
  }
}

/** Links first and keys last, so that a stop at any moment leaves nothing that leads nowhere. */
export async function clearAway(state: StateDir, { links, certificates, keys }: Waste): Promise<void> {
  for (const link of links) await state.removeLive(link)
  for (const { id } of certificates) await state.removeCertificate(id)
  for (const id of keys) await state.removeKey(id)
}

/** A line for each thing, path first. */
export const wasteLines = ({ links, certificates, keys }: Waste): string[] => [
  ...links.map(link => `live/${link}  no target wants it`),
  ...certificates.map(({ id, revoked, facts }) => {
    const why = revoked ? 'revoked' : `expired ${facts?.notAfter.toISOString().slice(0, 10)}`
    return `certs/${id}  ${why}: ${facts?.names.join(', ')}`
  }),
  ...keys.map(id => `keys/${id}  no certificate uses it`),
]

/** On a terminal they are shown and asked about first; where nobody can be asked, to have called is to agree. */
export async function agreed(prompt: Prompt | undefined, lines: readonly string[]): Promise<boolean> {
  if (!prompt || lines.length === 0) return true
  prompt.note(lines.join('\n'))
  return prompt.confirm(`Remove ${lines.length === 1 ? 'this' : `these ${lines.length}`}?`)
}

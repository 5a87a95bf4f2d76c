// What the links of live/ should point at: decided here, made by links.ts. A link is moved only from one good certificate to
// a better one; where there is none, what is live stays live, expired or not: a program that finds an old file starts, one
// that finds none does not.
import type { Name } from '../core/names.js'
import { claims, type Target } from '../core/target.js'
import type { Certificate } from '../state/certificates.js'
import { type ByName, best, bestForName, byName, type Held } from './best-certificate.js'
import type { DueOptions } from './due.js'

export interface LinkChange {
  /** NAME or NAME:LABEL. */
  readonly link: string
  readonly certificateId: string
}

/** Every live link that should point elsewhere than it does. Pure. `index`: byName() of the certificates, if it is at hand. */
export function linkChanges(
  { targets, certificates, links }: Held,
  { now }: Pick<DueOptions, 'now'>,
  index: ByName = byName(certificates),
): LinkChange[] {
  // one search for each target, though it has a link for each of its names
  const whole = new Map<Target, Certificate | undefined>()
  const bestOf = (target: Target): Certificate | undefined => {
    if (!whole.has(target)) whole.set(target, best(target, index, links, now))
    return whole.get(target)
  }
  return [...claims(targets)].flatMap(([link, target]) => {
    const certificateId = (target.partial ? bestForName(target, nameOf(link), index, links, now) : bestOf(target))?.id
    return certificateId === undefined || links.get(link) === certificateId ? [] : [{ link, certificateId }]
  })
}

/** NAME of NAME:LABEL. */
export const nameOf = (link: string): Name => link.split(':')[0] as Name

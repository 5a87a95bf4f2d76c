// What a run would do, as one value: made of the decisions about certificates, targets and links. A pure function of what
// is on disk and of the time, so that `dns01 plan` can print what reconcile() will do without doing any of it.
import type { Certificate } from '../state/certificates.js'
import { isImported, isPlaceholder } from '../state/layout.js'
import { byName, type Held } from './best-certificate.js'
import { type Due, type DueOptions, dueTargets } from './due.js'
import { type LinkChange, linkChanges } from './link-changes.js'

/** What is to be asked of CAs. Carried out by reconcile(). */
export interface Work {
  /** Certificates somebody asked to revoke; of an expired one no CA wants to hear. */
  readonly revoke: readonly Certificate[]
  /** Orders that were interrupted: `url` is there, `fullchain` is not. */
  readonly resume: readonly Certificate[]
  readonly issue: readonly Due[]
}

/** Printed by `dns01 plan`. */
export interface Plan extends Work {
  readonly link: readonly LinkChange[]
}

/** `index`: byName() of the certificates, if it is at hand. */
export function work(held: Held, options: DueOptions, index = byName(held.certificates)): Work {
  const { certificates } = held
  const isOpen = ({ revokeWanted, revoked, complete, facts }: Certificate): boolean =>
    revokeWanted && !revoked && complete && facts !== undefined && options.now < facts.notAfter
  return {
    revoke: certificates.filter(isOpen),
    // a damaged certificate, too, counts as not complete: its order may still be downloaded
    resume: certificates.filter(({ complete, url }) => !complete && !isPlaceholder(url) && !isImported(url)),
    issue: dueTargets(held, options, index),
  }
}

/** All of it: what is asked of CAs, and the links as they would be changed now, before anything new is there. */
export function plan(held: Held, options: DueOptions): Plan {
  const index = byName(held.certificates)
  return { ...work(held, options, index), link: linkChanges(held, options, index) }
}

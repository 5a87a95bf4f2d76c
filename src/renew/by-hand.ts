// What a run says of certificates that it cannot renew: their CA has a web form and no ACME (request.by-hand, `dns01 csr`).
import { Dns01Error } from '../core/errors.js'
import type { ByName, Held } from './best-certificate.js'
import { dueOf, type ReconcileOptions } from './due.js'
import type { Outcome } from './outcome.js'

/** So near to the end each run says it: cron's mail is then in the way of whoever has forgotten. Our own choice. */
const urgentWithDays = 7

/** What no CA can be asked for (request.by-hand). While somebody waits for the first one nothing has gone wrong. */
export function dueByHand(
  { targets, links }: Held,
  options: ReconcileOptions & { readonly now: Date },
  index: ByName,
): Outcome[] {
  const { now, force = [], wanted = [], onlyFiles } = options
  const named = [...force, ...wanted]
  return targets.flatMap((target): Outcome[] => {
    const { names, file, byHand } = target
    const isMeant = onlyFiles?.includes(file) ?? (named.length === 0 || names.some(name => named.includes(name)))
    const due = byHand && isMeant ? dueOf(target, index, links, options) : undefined
    if (!due) return []
    const endsSoon = due.notAfter !== undefined && due.notAfter.getTime() - now.getTime() < urgentWithDays * 86_400_000
    const isUrgent = endsSoon || due.forced
    const error = new Dns01Error('CONFIG', `${file}: ${due.why}`)
    return [{ subject: file, names, result: isUrgent ? 'failed' : 'waits', error }]
  })
}

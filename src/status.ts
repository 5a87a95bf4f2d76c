import { type Failed, failedText, failureOf, minute, nameFailure } from './back-off.js'
import type { Name } from './names.js'
import { circumstances, decide, forceHint, type Waiting, waitingText } from './patience.js'
import { best, byName, dueOf, has, missingNames, nameOf, renewAt } from './plan.js'
import type { Certificate } from './state/certificates.js'
import type { StateDir } from './state/state-dir.js'
import { claims, type Target } from './target.js'
import type { World } from './world.js'

/** What `dns01 status --json` prints. */
export interface StatusDocument {
  readonly stateDirectory: string
  readonly accounts: readonly string[]
  readonly targets: readonly TargetStatus[]
  readonly problems: readonly { readonly message: string; readonly hint?: string | undefined }[]
  readonly recordsLeft: number
}

export interface TargetStatus {
  readonly file: string
  readonly names: readonly Name[]
  readonly ca: string
  readonly certificate?: string | undefined
  readonly keyType?: string | undefined
  readonly notAfter?: Date | undefined
  readonly daysLeft?: number | undefined
  readonly renewAt?: Date | undefined
  /** Why the next run gets a certificate; undefined when all is well. */
  readonly due?: string | undefined
  /** Of a `partial` target: names that are not in its certificate, and since when they fail. */
  readonly missing: readonly { readonly name: Name; readonly since?: Date | undefined }[]
  /** Why the next run does not get it yet. */
  readonly waits?: { readonly until?: Date | undefined; readonly because: string } | undefined
  /** What went wrong last time, since when and how often. */
  readonly failure?: Failed | undefined
  /** Link names that should point at the certificate and do not. */
  readonly unlinked: readonly string[]
}

export function statusDocument(world: Pick<World, 'clock' | 'env'>, state: StateDir): StatusDocument {
  const now = world.clock.now()
  const { targets, problems } = state.targets()
  const index = byName(state.certificates())
  const links = state.links()
  const owned = linksByTarget(targets)
  const dues = new Map(
    targets.flatMap(target => {
      const due = dueOf(target, index, links, { now })
      return due ? [[target, due] as const] : []
    }),
  )
  const ledger = state.ledger()
  const { wait } = decide([...dues.values()], ledger, circumstances(world, targets.length))
  const waiting = new Map(wait.map(one => [one.target, one]))
  const isUnlinked = (link: string, held: Certificate | undefined): boolean =>
    held === undefined || (has(held, nameOf(link)) && links.get(link) !== held.id)
  return {
    stateDirectory: state.root,
    accounts: state.accounts().map(account => account.id),
    targets: targets.map(target => {
      const held = best(target, index, links, now)
      const due = dues.get(target)
      const facts = held?.facts
      return {
        file: target.file,
        names: target.names,
        ca: target.ca,
        certificate: held?.id,
        keyType: facts?.keyType,
        notAfter: facts?.notAfter,
        daysLeft: facts && Math.floor((facts.notAfter.getTime() - now.getTime()) / 86_400_000),
        renewAt: facts && renewAt(facts, target.marginDays),
        due: due?.why,
        missing: (held ? missingNames(target, held) : []).map(name => ({
          name,
          since: nameFailure(target, name, ledger)?.since,
        })),
        waits: waitOf(waiting.get(target)),
        failure: due && failureOf(due, ledger),
        unlinked: (owned.get(target) ?? []).filter(link => isUnlinked(link, held)),
      }
    }),
    problems: problems.map(({ message, hint }) => ({ message, hint })),
    recordsLeft: state.journal.entries().length,
  }
}

const waitOf = (waiting: Waiting | undefined): TargetStatus['waits'] =>
  waiting && { until: waiting.until, because: waiting.because }

function linksByTarget(targets: readonly Target[]): Map<Target, string[]> {
  const owned = new Map<Target, string[]>()
  for (const [link, target] of claims(targets)) owned.set(target, [...(owned.get(target) ?? []), link])
  return owned
}

/** The table people read: a line a target, its first name first. */
export function statusLines(document: StatusDocument): string[] {
  const rows = document.targets.map(row)
  const header = ['NAME', 'CA', 'LEFT', 'RENEWS', 'STATE']
  const table = rows.length === 0 ? ['nothing is wanted yet: dns01 want NAME'] : columns([header, ...rows])
  return [
    ...table,
    ...document.targets.flatMap(troubles),
    ...document.problems.map(({ message, hint }) => `! ${message}${hint ? ` (${hint})` : ''}`),
    ...(document.recordsLeft > 0 ? [`! an earlier run left TXT records; the next reconcile removes them`] : []),
  ]
}

function row(target: TargetStatus): string[] {
  const [first = target.file, ...others] = target.names
  const name = others.length === 0 ? first : `${first} +${others.length}`
  const due = target.waits?.until ? `${target.due}; next try ${minute(target.waits.until)}` : target.due
  const state = due ?? (target.unlinked.length > 0 ? `not linked: ${target.unlinked.join(', ')}` : 'ok')
  return [
    name,
    hostOf(target.ca),
    target.daysLeft === undefined ? '-' : `${target.daysLeft} d`,
    target.renewAt?.toISOString().slice(0, 10) ?? '-',
    state,
  ]
}

/** What keeps a target from being well, a line each. */
function troubles({ file, names, failure, waits, missing }: TargetStatus): string[] {
  const told =
    failure && `! ${file}: ${failedText(failure)}; ${waits?.until ? forceHint(names) : 'the next run tries again'}`
  const held = waits && !failure ? [`! ${file}: ${waitingText(waits)}`] : []
  const since = missing.map(({ name, since }) => (since ? `${name} since ${minute(since)}` : name))
  return [...(told ? [told] : []), ...held, ...(since.length > 0 ? [`! ${file}: missing ${since.join(', ')}`] : [])]
}

const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : url)

/** Left-aligned columns, two spaces apart. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map(cells => cells[i]?.length ?? 0))) ?? []
  return rows.map(cells =>
    cells
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

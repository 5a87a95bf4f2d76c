import type { Name } from './names.js'
import { best, byName, renewAt, whyDue } from './plan.js'
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
  /** Link names that should point at the certificate and do not. */
  readonly unlinked: readonly string[]
}

export function statusDocument(world: Pick<World, 'clock'>, state: StateDir): StatusDocument {
  const now = world.clock.now()
  const { targets, problems } = state.targets()
  const index = byName(state.certificates())
  const links = state.links()
  const owned = linksByTarget(targets)
  return {
    stateDirectory: state.root,
    accounts: state.accounts().map(account => account.id),
    targets: targets.map(target => {
      const held = best(target, index, links)
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
        due: whyDue(target, held, { now }),
        unlinked: (owned.get(target) ?? []).filter(link => held === undefined || links.get(link) !== held.id),
      }
    }),
    problems: problems.map(({ message, hint }) => ({ message, hint })),
    recordsLeft: state.journal.entries().length,
  }
}

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
    ...document.problems.map(({ message, hint }) => `! ${message}${hint ? ` (${hint})` : ''}`),
    ...(document.recordsLeft > 0 ? [`! an earlier run left TXT records; the next reconcile removes them`] : []),
  ]
}

function row(target: TargetStatus): string[] {
  const [first = target.file, ...others] = target.names
  const name = others.length === 0 ? first : `${first} +${others.length}`
  const state = target.due ?? (target.unlinked.length > 0 ? `not linked: ${target.unlinked.join(', ')}` : 'ok')
  return [
    name,
    hostOf(target.ca),
    target.daysLeft === undefined ? '-' : `${target.daysLeft} d`,
    target.renewAt?.toISOString().slice(0, 10) ?? '-',
    state,
  ]
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

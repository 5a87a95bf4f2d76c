/** What a run did, told to people and to programs; and which of its failures decide the exit status. */

import { errorDocument, linesOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { Outcome } from '../renew/outcome.js'
import type { Context } from '../renew/run.js'
import { statusDocument } from '../renew/status.js'
import type { StateDir } from '../state/state-dir.js'
import { type Facts, failureParagraphs, subjectOf, waitingParagraph } from './failure-text.js'

/** What somebody has just wanted, and the target files that ask for it. */
export interface Wanted {
  readonly names: readonly Name[]
  readonly files: readonly string[]
}

/**
 * Says what a run did, and hands back what went wrong. What waits was told when it failed: --batch is silent about it, so
 * that cron writes of each try and not of each run; but a name without a valid certificate counts for the exit status.
 * For who has just wanted a name only that one counts: trouble of others is one line.
 */
export function report(context: Context, state: StateDir, outcomes: readonly Outcome[], wanted?: Wanted): unknown[] {
  const { out, world } = context
  const ours = wanted ? outcomes.filter(outcome => concerns(outcome, wanted)) : outcomes
  const failed = ours.filter(({ result }) => result === 'failed')
  const isVerbose = context.verbose > 0
  for (const lines of failureParagraphs(failed, openFacts(context, state), isVerbose)) world.log.error(...lines)
  for (const one of ours) {
    if (one.result === 'left') world.log.warn(...linesOf(one.error))
    else if (!UNDONE.has(one.result)) world.log.info(`${subjectOf(one, isVerbose)}: ${one.result}`)
  }
  tellWhatWaits(context, ours)
  tellOfOthers(context, outcomes, ours)
  if (out.json) out.show(outcomes.map(document), () => [])
  return [...failed, ...ours.filter(outcome => outcome.notLive)].map(outcome => outcome.error)
}

const UNDONE: ReadonlySet<Outcome['result']> = new Set(['failed', 'waits'])

/** Of more names that wait than these only the number is told, unless somebody wants to know all. */
const waitingInFull = 5

function tellWhatWaits({ world, batch, verbose }: Context, ours: readonly Outcome[]): void {
  const waiting = ours.filter(({ result }) => result === 'waits')
  const told = verbose > 0 ? waiting : waiting.slice(0, waitingInFull)
  const level = batch ? 'info' : 'notice'
  for (const one of told) world.log[level](...waitingParagraph(one, verbose > 0))
  if (told.length < waiting.length) world.log[level](`and ${waiting.length - told.length} more wait: dns01 status`)
}

/** Its own target, or what serves all: the links, the hooks, conf/target when there is no target at all. */
const concerns = ({ subject, names }: Outcome, wanted: Wanted): boolean => {
  if (names.length === 0) return subject !== 'desired' || wanted.files.length === 0
  return wanted.files.includes(subject) || names.some(name => wanted.names.includes(name))
}

function tellOfOthers({ world, batch }: Context, all: readonly Outcome[], ours: readonly Outcome[]): void {
  const others = all.filter(one => !ours.includes(one) && (one.result === 'failed' || one.notLive))
  if (others.length === 0) return
  const names = new Set(others.flatMap(one => one.names)).size
  const files = others.filter(one => one.subject === 'desired').length
  const what = [
    ...counted(names, 'other name fails', 'other names fail'),
    ...counted(files, 'target file is wrong', 'target files are wrong'),
  ]
  const isNew = others.some(one => one.result === 'failed')
  world.log[isNew || !batch ? 'notice' : 'info'](`${what.join(', ')}: dns01 status`)
}

const counted = (number: number, one: string, many: string): string[] =>
  number === 0 ? [] : [`${number} ${number === 1 ? one : many}`]

/** What is known of the targets after the run: read once, and only when something went wrong. */
function openFacts({ world }: Pick<Context, 'world'>, state: StateDir): () => Facts {
  let facts: Facts | undefined
  return () => {
    facts ??= factsNow(world, state)
    return facts
  }
}

function factsNow(world: Context['world'], state: StateDir): Facts {
  const byFile = new Map(statusDocument(world, state).targets.map(target => [target.file, target]))
  return { now: world.clock.now(), targetOf: ({ subject }) => byFile.get(subject) }
}

const document = ({ subject, names, result, error }: Outcome) => ({
  subject,
  names,
  result,
  ...(error === undefined ? {} : { error: errorDocument(error) }),
})

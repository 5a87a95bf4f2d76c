import { minute } from './back-off.js'
import { Dns01Error, errorDocument, FAULTS, linesOf, shortList } from './errors.js'
import { type Name, shortNames } from './names.js'
import type { Outcome } from './reconcile.js'
import type { Context } from './session.js'
import type { StateDir } from './state/state-dir.js'
import { statusDocument, type TargetStatus } from './status.js'
import { dayOf, timeLeft } from './status-text.js'

/** What a run did, told to people and to programs; and which of its failures decide the exit status. */

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
  const { out, world, batch } = context
  const verbose = context.verbose > 0
  const ours = wanted ? outcomes.filter(outcome => concerns(outcome, wanted)) : outcomes
  const failed = ours.filter(outcome => outcome.result === 'failed')
  const facts = openFacts(context, state)
  for (const one of failed) world.log.error(...paragraph(one, facts, verbose))
  for (const one of ours) {
    if (one.result === 'left') world.log.warn(...linesOf(one.error))
    else if (one.result === 'waits') world.log[batch ? 'info' : 'notice'](...paragraph(one, facts, verbose))
    else if (one.result !== 'failed') world.log.info(`${subjectOf(one, verbose)}: ${one.result}`)
  }
  tellOfOthers(context, outcomes, ours)
  if (out.json) out.show(outcomes.map(document), () => [])
  return [...failed, ...ours.filter(outcome => outcome.notLive)].map(outcome => outcome.error)
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

/** What is known of a target after the run; read once, and only when something went wrong. */
type Facts = (outcome: Outcome) => { readonly target: TargetStatus | undefined; readonly now: Date }

function openFacts({ world }: Pick<Context, 'world'>, state: StateDir): Facts {
  let document: ReturnType<typeof statusDocument> | undefined
  return ({ subject }) => {
    const now = world.clock.now()
    document ??= statusDocument(world, state)
    return { target: document.targets.find(({ file }) => file === subject), now }
  }
}

/** In cron's mail it must tell all: names, what failed, what to do, how long the certificate in use is good, when it is tried next. */
function paragraph(outcome: Outcome, facts: Facts, verbose: boolean): [string, ...string[]] {
  const { names, error, result } = outcome
  const [first, ...more] = linesOf(error)
  const isFailure = result === 'failed' && names.length > 0
  const further = isFailure
    ? [allNames(outcome), prospect(outcome, facts), whereToLook(outcome)].filter(line => line !== '')
    : []
  return [withSubject(first, outcome, verbose), ...more, ...further]
}

/** A message that begins with the name, or with the target's file, does so once. */
function withSubject(text: string, outcome: Outcome, verbose: boolean): string {
  const named = subjectOf(outcome, verbose)
  const { subject, names } = outcome
  if (text.startsWith(`${subject}: `)) return `${named}: ${text.slice(subject.length + 2)}`
  return text.startsWith(names[0] ?? subject) ? text : `${named}: ${text}`
}

/** Of several, since the failure says one at most. */
const allNames = ({ names }: Outcome): string => (names.length > 1 ? `the certificate is for ${shortList(names)}` : '')

/** How long the certificate in use is good, and when the next try is. */
function prospect(outcome: Outcome, facts: Facts): string {
  const { target, now } = facts(outcome)
  if (!target) return ''
  const { notAfter, waits, failure } = target
  const inUse = notAfter && now < notAfter
  const good = inUse
    ? `the one in use is good for ${timeLeft(notAfter, now)}, until ${dayOf(notAfter, now)}`
    : undefined
  const next = waits?.until ?? failure?.nextTry
  const tried = next && `next try ${minute(next)}`
  return [good, tried].filter(part => part !== undefined).join('; ')
}

function whereToLook({ names, error }: Outcome): string {
  const [name] = names
  if (!(error instanceof Dns01Error) || ![3, 6, 7].includes(FAULTS[error.code].exit)) return ''
  const at = names.find(one => error.byName.has(one)) ?? name
  const probe = `dns01 probe ${shellWord(at)} looks into it`
  return error.doubtsName ? `mistyped? dns01 unwant ${shellWord(at)}; else ${probe}` : probe
}

/** A wildcard is for the shell to leave alone. */
const shellWord = (name = ''): string => (name.includes('*') ? `'${name}'` : name)

/** The first name and how many others; the file only for who wants to know more. */
function subjectOf({ subject, names }: Outcome, verbose: boolean): string {
  if (names.length === 0) return subject
  return verbose && names[0] !== subject ? `${shortNames(names)} (${subject})` : shortNames(names)
}

const document = ({ subject, names, result, error }: Outcome) => ({
  subject,
  names,
  result,
  ...(error === undefined ? {} : { error: errorDocument(error) }),
})

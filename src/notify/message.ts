// What a notice says, in words and as data. Each channel makes of it what its receiver takes.
import { minute } from '../core/dates.js'
import { errorDocument, hintsOf, shortList } from '../core/errors.js'
import { brief, shown } from '../core/gate.js'
import { shortNames } from '../core/names.js'
import type { World } from '../core/world.js'
import type { TargetStatus } from '../renew/status.js'
import { dayOf, timeLeft } from '../renew/status-text.js'
import { failureParagraphs } from '../report/failure-text.js'
import type { Notice, Situation } from './decide.js'

/** One message a run and channel, whatever there is to tell. */
export interface Message {
  readonly event: 'trouble' | 'well' | 'test'
  readonly subject: string
  /** Lines are separated by a line feed. */
  readonly text: string
  readonly time: Date
  readonly host: string
  readonly stateDirectory: string
  /** The same for programs, at most `mostInData` of them. */
  readonly notices: readonly NoticeDocument[]
}

export interface NoticeDocument {
  readonly kind: Notice['kind']
  readonly names: readonly string[]
  /** Target file, hook, or what else it is about. */
  readonly about: string
  readonly code?: string
  readonly message?: string
  readonly hint?: readonly string[] | undefined
  readonly since?: Date | undefined
  /** Of the certificate in use. */
  readonly notAfter?: Date | undefined
  readonly daysLeft?: number | undefined
  readonly nextTry?: Date | undefined
}

interface Where {
  readonly world: Pick<World, 'self' | 'log'>
  readonly stateDirectory: string
}

/** Paragraphs of each kind; the rest is counted. A mail of a thousand failures is read by nobody. */
const mostInText = 10
const mostInData = 100

export function messageOf(notices: readonly Notice[], situation: Situation, { world, stateDirectory }: Where): Message {
  const { now } = situation
  const gated = (text: string): string => brief(shown(world.log.masked(text)))
  const isWell = notices.every(({ kind }) => kind === 'well')
  const sections = [
    section('This failed:', failures(notices, situation)),
    section('Little is left of these certificates:', notices.filter(isFewDays).map(fewDays(now))),
    section('Well again:', notices.filter(isOver).map(well(now))),
  ].flat()
  return {
    event: isWell ? 'well' : 'trouble',
    subject: brief(gated(`dns01 on ${world.self.host}: ${summary(notices, now)}`), longestSubject),
    text: [...sections.map(gatedBy(gated)), ...footer(world, stateDirectory)].join('\n'),
    time: now,
    host: world.self.host,
    stateDirectory,
    notices: notices.slice(0, mostInData).map(one => masked(documentOf(one), gated)),
  }
}

/** For who tries whether notices arrive. */
export function testMessage(now: Date, { world, stateDirectory }: Where): Message {
  const text = `This is a test. A notice of dns01 would come here when a renewal fails, when little is left of a
certificate, and when it is well again.`
  return {
    event: 'test',
    subject: `dns01 on ${world.self.host}: test of notices`,
    text: [text, '', ...footer(world, stateDirectory)].join('\n'),
    time: now,
    host: world.self.host,
    stateDirectory,
    notices: [],
  }
}

/** RFC 5322 §2.1.1 recommends 78 characters a line; phones show about as many. */
const longestSubject = 120

const footer = ({ self }: Pick<World, 'self'>, stateDirectory: string): string[] => [
  `On ${self.host}, for ${stateDirectory}: dns01 status`,
]

/** Its lines are indented below the first; an empty line ends it. */
function section(title: string, paragraphs: readonly (readonly string[])[]): string[] {
  if (paragraphs.length === 0) return []
  const rest = paragraphs.length - mostInText
  const lines = paragraphs
    .slice(0, mostInText)
    .flatMap(([first = '', ...more]) => [`  ${first}`, ...more.map(one => `    ${one}`)])
  return [title, ...lines, ...(rest > 0 ? [`  and ${rest} more: dns01 status`] : []), '']
}

/** The indentation is ours, the rest may be a stranger's. */
const gatedBy =
  (gated: (text: string) => string) =>
  (line: string): string => {
    const [, indent = '', text = ''] = line.match(/^( *)(.*)$/su) ?? []
    return indent + gated(text)
  }

type Failed = Extract<Notice, { kind: 'failed' }>
type FewDays = Extract<Notice, { kind: 'few-days' }>
type Well = Extract<Notice, { kind: 'well' }>
const isFailed = (notice: Notice): notice is Failed => notice.kind === 'failed'
const isFewDays = (notice: Notice): notice is FewDays => notice.kind === 'few-days'
const isOver = (notice: Notice): notice is Well => notice.kind === 'well'

/** As cron's mail has them: names, what was said, what to do, how long the one in use is good, the next try. */
function failures(notices: readonly Notice[], { now, targets }: Situation): string[][] {
  const byFile = new Map(targets.map(target => [target.file, target]))
  const failed = notices.filter(isFailed).map(({ outcome }) => outcome)
  return failureParagraphs(failed, () => ({ now, targetOf: ({ subject }) => byFile.get(subject) }), false)
}

const fewDays =
  (now: Date) =>
  ({ target }: FewDays): string[] => {
    const { names, notAfter, renewAt, failure, waits } = target
    const next = waits?.until ?? failure?.nextTry
    return [
      `${shortNames(names)}: ${lifeOf(target, now)}`,
      ...(renewAt ? [`its renewal is due since ${minute(renewAt)}`] : []),
      ...(failure ? [failure.message] : waits ? [waits.because] : []),
      ...(next && notAfter ? [`next try ${minute(next)}`] : []),
      `dns01 status ${names[0]}`,
    ]
  }

const well =
  (now: Date) =>
  ({ about, target, since }: Well): string[] => [
    target
      ? `${shortNames(target.names)}: ${lifeOf(target, now)}; it failed since ${minute(since)}`
      : `${about}; it failed since ${minute(since)}`,
  ]

const lifeOf = ({ notAfter }: TargetStatus, now: Date): string => {
  if (!notAfter) return 'no certificate'
  if (notAfter <= now) return `its certificate has ended ${dayOf(notAfter, now)}`
  return `valid for ${timeLeft(notAfter, now)}, until ${dayOf(notAfter, now)}`
}

/** Of all that is told, in a line. */
function summary(notices: readonly Notice[], now: Date): string {
  const failed = notices.filter(isFailed)
  const few = notices.filter(isFewDays)
  const over = notices.filter(isOver)
  return [
    ...told(failed, one => `${nameOf(one)} fails${leftOf(one.target, now)}`, 'fail'),
    ...told(few, ({ target }) => `${shortNames(target.names)}${leftOf(target, now).replace(/^, /, ': ')}`, 'end soon'),
    ...told(over, one => `${nameOf(one)} is well again`, 'are well again'),
  ].join('; ')
}

function told<T extends Notice>(notices: readonly T[], one: (notice: T) => string, many: string): string[] {
  if (notices.length === 0) return []
  const [first] = notices as readonly [T]
  return notices.length === 1 ? [one(first)] : [`${notices.length} ${many} (${shortList(notices.map(nameOf), 3)})`]
}

const nameOf = (notice: Notice): string => {
  const { names, about } = documentOf(notice)
  return names.length > 0 ? shortNames(names as never) : about
}

function leftOf(target: TargetStatus | undefined, now: Date): string {
  if (!target) return ''
  if (!target.notAfter) return ', no certificate'
  return target.notAfter <= now ? ', its certificate has ended' : `, ${timeLeft(target.notAfter, now)} left`
}

function documentOf(notice: Notice): NoticeDocument {
  const { kind, target } = notice
  const life = target && {
    notAfter: target.notAfter,
    daysLeft: target.daysLeft,
    nextTry: target.waits?.until ?? target.failure?.nextTry,
  }
  if (kind === 'well') return { kind, names: target?.names ?? [], about: notice.about, since: notice.since, ...life }
  if (kind === 'few-days') return { kind, names: notice.target.names, about: notice.target.file, ...life }
  const { subject, names, error } = notice.outcome
  const { code, message, hint } = { hint: undefined, ...errorDocument(error) }
  return { kind, names, about: subject, code, message, hint: hintsOf(hint), since: target?.failure?.since, ...life }
}

/** What strangers said is in these two alone. */
const masked = (document: NoticeDocument, gated: (text: string) => string): NoticeDocument => ({
  ...document,
  about: gated(document.about),
  ...(document.message !== undefined && { message: gated(document.message) }),
  ...(document.hint && { hint: document.hint.map(gated) }),
})

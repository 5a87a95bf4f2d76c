/**
 * The log: it hides secrets and makes control characters visible before a line reaches any sink, and shows on a terminal what
 * is under way.
 */

import { brief, openMasks, shown } from '../core/gate.js'
import { type Doing, LEVELS, type Level, type Log } from '../core/world.js'

/** acmetool's names for severities, most urgent first; those above ERROR are ours to accept, not to use. */
export const SEVERITIES = [
  'EMERGENCY',
  'ALERT',
  'CRITICAL',
  'ERROR',
  'WARN',
  'NOTICE',
  'INFO',
  'DEBUG',
  'TRACE',
] as const
export type Severity = (typeof SEVERITIES)[number]

const SEVERITY: Readonly<Record<Level, Severity>> = {
  error: 'ERROR',
  warn: 'WARN',
  notice: 'NOTICE',
  info: 'INFO',
  debug: 'DEBUG',
  trace: 'TRACE',
}

/** Where log lines go: one line each, without its end. */
export interface Sink {
  readonly severity: Severity
  write(line: string): void
  readonly format: 'human' | 'acmetool' | 'json' | 'syslog'
}

/** A line at the bottom of a terminal that says what is under way. */
export interface StatusLine {
  show(text: string): void
  clear(): void
  /** Calls `act` each second until the returned function is called; never keeps the process alive. */
  eachSecond?(act: () => void): () => void
}

/** What one subject does; a pause belongs to another step and is not counted. */
interface Step {
  readonly doing: Doing
  readonly isPause: boolean
}

export interface LogOptions {
  readonly sinks: readonly Sink[]
  readonly status?: StatusLine | undefined
  readonly now: () => Date
}

/** A log over these sinks. The gate (masks, control characters, length) lies before all of them, so that no sink can forget it. */
export function openLog({ sinks, status, now }: LogOptions): Log {
  const { add: mask, masked } = openMasks()
  const steps = new Map<string, Step>()
  let stopTicking: (() => void) | undefined
  const gated = (text: string): string => brief(shown(masked(text)))
  const say = (level: Level, lines: readonly string[]): void => {
    const hearing = sinks.filter(sink => SEVERITIES.indexOf(SEVERITY[level]) <= SEVERITIES.indexOf(sink.severity))
    // before the text is made: TRACE of a run that nobody traces must cost next to nothing
    if (hearing.length === 0) return
    status?.clear()
    const message = lines.map(gated).join('\n  ')
    for (const sink of hearing) sink.write(FORMATS[sink.format](level, message, now()))
    showSteps()
  }
  const showSteps = (): void => {
    // the step that changed last: of forty names at once it is the one about which there is news
    const [subject, step] = [...steps].at(-1) ?? []
    if (subject === undefined || step === undefined) {
      stopTicking?.()
      stopTicking = undefined
      status?.clear()
      return
    }
    stopTicking ??= status?.eachSecond?.(showSeconds)
    const others = [...steps.values()].filter(({ isPause }) => !isPause).length - 1
    const about = step.isPause ? '' : `${subject}: `
    status?.show(gated(`${about}${textOf(step.doing)}${others > 0 ? ` (and ${others} more)` : ''}`))
  }
  /** A fixed text is left as it stands: a question to the user may have come below it. */
  const showSeconds = (): void => {
    if (typeof [...steps.values()].at(-1)?.doing === 'function') showSteps()
  }
  const step: Log['step'] = (subject, doing, kind) => {
    steps.delete(subject)
    if (doing !== undefined) {
      steps.set(subject, { doing, isPause: kind === 'pause' })
      if (!status && kind === undefined) say('debug', [`${subject}: ${textOf(doing)}`])
    }
    showSteps()
  }
  const levels = Object.fromEntries(LEVELS.map(level => [level, (...lines: readonly string[]) => say(level, lines)]))
  return { ...(levels as Pick<Log, Level>), step, mask, masked }
}

const textOf = (doing: Doing): string => (typeof doing === 'string' ? doing : doing())

const FORMATS: Readonly<Record<Sink['format'], (level: Level, message: string, now: Date) => string>> = {
  human: (level, message) => (level === 'notice' || level === 'info' ? message : `${level}: ${message}`),
  acmetool: (level, message, now) => `${stamp(now)} [${SEVERITY[level]}] dns01: ${message}`,
  json: (level, message, now) => JSON.stringify({ time: now.toISOString(), level, message }),
  /** sd-daemon(3): `<n>` in front, which journald takes as the priority, 0 to 7: TRACE is a debug, too. */
  syslog: (level, message) =>
    `<${Math.min(7, SEVERITIES.indexOf(SEVERITY[level]))}>${message.replaceAll(/\n */g, ' | ')}`,
}

/** YYYYMMDDHHMMSS in local time, as acmetool writes it. */
function stamp(at: Date): string {
  const parts = [at.getMonth() + 1, at.getDate(), at.getHours(), at.getMinutes(), at.getSeconds()]
  return at.getFullYear() + parts.map(part => String(part).padStart(2, '0')).join('')
}

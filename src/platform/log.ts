/**
 * The log: it hides secrets and makes control characters visible before a line reaches any sink, and shows on a terminal what
 * is under way.
 */

import { brief, openMasks, shown } from '../core/gate.js'
import { LEVELS, type Level, type Log, type Step } from '../core/world.js'

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

/** The list on a terminal of what is under way (live-list.ts). */
export interface LiveList {
  step(step: Step): void
  /** Takes it away for what is written next; it comes back by itself. */
  clear(): void
}

export interface LogOptions {
  readonly sinks: readonly Sink[]
  readonly live?: LiveList | undefined
  readonly now: () => Date
}

/** A log over these sinks. The gate (masks, control characters, length) lies before all of them, so that no sink can forget it. */
export function openLog({ sinks, live, now }: LogOptions): Log {
  const { add: mask, masked } = openMasks()
  const known = new Map<string, Pick<Step, 'subject' | 'stage'>>()
  const gated = (text: string): string => brief(shown(masked(text)))
  const say = (level: Level, lines: readonly string[]): void => {
    const hearing = sinks.filter(sink => SEVERITIES.indexOf(SEVERITY[level]) <= SEVERITIES.indexOf(sink.severity))
    // before the text is made: TRACE of a run that nobody traces must cost next to nothing
    if (hearing.length === 0) return
    live?.clear()
    const message = lines.map(gated).join('\n  ')
    for (const sink of hearing) sink.write(FORMATS[sink.format](level, message, now()))
  }
  const step: Log['step'] = one => {
    if (live) live.step(gatedStep(one, gated))
    else if (one.kind !== 'pause') tellStep(one)
  }
  /** A line for each new stage; how it ended is told by others. */
  const tellStep = ({ id, subject, stage, detail }: Step): void => {
    const key = id ?? subject
    const before = known.get(key)
    if (stage === undefined) known.delete(key)
    if (stage === undefined || stage === before?.stage) return
    const name = before?.subject ?? subject
    known.set(key, { subject: name, stage })
    say('info', [`${name}: ${stage}${detail ? ` · ${detail()}` : ''}`])
  }
  const levels = Object.fromEntries(LEVELS.map(level => [level, (...lines: readonly string[]) => say(level, lines)]))
  return { ...(levels as Pick<Log, Level>), step, mask, masked }
}

const gatedStep = (step: Step, gated: (text: string) => string): Step => {
  const { subject, stage, detail } = step
  return {
    ...step,
    subject: gated(subject),
    ...(stage !== undefined && { stage: gated(stage) }),
    ...(detail && { detail: () => gated(detail()) }),
  }
}

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

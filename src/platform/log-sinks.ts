/** Where log lines go, as the flags say: standard error, a file, syslog. */

import { spawnSync } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { Dns01Error, messageOf } from '../core/errors.js'
import { SEVERITIES, type Severity, type Sink } from './log.js'

/** Where the log goes besides standard error: acmetool's flags --xlog.file and --xlog.syslog with their companions. */
export interface SinkFlags {
  /** Nothing less severe is logged anywhere. */
  readonly severity: Severity
  readonly json: boolean
  readonly stderr: boolean
  readonly stderrSeverity: Severity
  readonly file: string | undefined
  readonly fileSeverity: Severity
  readonly syslog: boolean
  readonly syslogSeverity: Severity
  /** As syslog(3) names it: daemon, local0 … */
  readonly facility: string
}

/** The less talkative of two. */
const atMost = (a: Severity, b: Severity): Severity => (SEVERITIES.indexOf(a) < SEVERITIES.indexOf(b) ? a : b)

/**
 * All sinks the flags ask for.
 * @throws Dns01Error USAGE when the log file cannot be written
 */
export function sinksFor(flags: SinkFlags, stderr: Pick<Sink, 'format' | 'write'>): Sink[] {
  const { severity, json } = flags
  const sinks: Sink[] = []
  if (flags.stderr) sinks.push({ ...stderr, severity: atMost(severity, flags.stderrSeverity) })
  if (flags.file !== undefined)
    sinks.push({
      severity: atMost(severity, flags.fileSeverity),
      format: json ? 'json' : 'acmetool',
      write: toFile(flags.file),
    })
  if (flags.syslog && stderr.format !== 'syslog')
    sinks.push({
      severity: atMost(severity, flags.syslogSeverity),
      format: 'syslog',
      write: toSyslog(flags.facility, stderr),
    })
  return sinks
}

/** Each line is appended by itself, so that logrotate may move the file away at any time. */
function toFile(path: string): (line: string) => void {
  const append = (text: string): void => appendFileSync(path, text, { mode: 0o640 })
  try {
    append('')
  } catch (cause) {
    throw new Dns01Error('USAGE', `--xlog.file: ${path} cannot be written: ${messageOf(cause)}`, { cause })
  }
  return line => append(`${line}\n`)
}

/** logger(1) speaks every system's syslog, the journal included; node has no datagram sockets of the Unix kind. */
function toSyslog(facility: string, stderr: Pick<Sink, 'write'>): (line: string) => void {
  let works = true
  return line => {
    const [, level = '5', text = line] = line.match(/^<(\d+)>(.*)$/s) ?? []
    const argv = ['--tag', 'dns01', '--priority', `${facility}.${PRIORITIES[Number(level)]}`]
    const { status, error } = works ? spawnSync('logger', argv, { input: `${text}\n`, timeout: 5000 }) : { status: 0 }
    if (status === 0) return
    works = false
    const why = typeof status === 'number' ? `exit ${status}` : messageOf(error) // it may end before it has read: EPIPE
    stderr.write(`warn: logger(1) does not take our lines for syslog: ${why}`)
  }
}

/** RFC 5424 §6.2.1 as logger(1) spells it. */
const PRIORITIES = ['emerg', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'] as const

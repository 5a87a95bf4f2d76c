// The one error class and the closed list of its codes. The code alone decides the exit status and whether cron tries
// again; a second table somewhere else would sooner or later say otherwise.
import { brief, shown } from './gate.js'

/**
 * What can go wrong, what the process then exits with, and whether the next cron run may mend it. docs/commands.md, "Exit status",
 * prints this table.
 */
export const FAULTS = {
  BUG: { exit: 1, again: false, meaning: 'a bug in dns01: please report it with the stack trace' },
  USAGE: { exit: 2, again: false, meaning: 'wrong flag, argument or name on the command line' },
  CONFIG: { exit: 3, again: false, meaning: 'target file, unknown provider, missing setting' },
  STATE: { exit: 4, again: false, meaning: 'state directory damaged, modes too open, disk full' },
  LOCKED: { exit: 5, again: true, meaning: 'another run holds the lock; that run does the work' },
  REFUSED: { exit: 6, again: false, meaning: 'the CA or the DNS provider said no and will again' },
  UNAVAILABLE: { exit: 7, again: true, meaning: 'network, rate limit or server error; tried again' },
  NOT_VISIBLE: { exit: 7, again: true, meaning: 'a TXT record was not at every server in time' },
  HOOK: { exit: 8, again: true, meaning: 'certificates are live, a hook failed; run again' },
} as const

export type Code = keyof typeof FAULTS

export interface ErrorDetails {
  /** What the user can do about it, one sentence without a final full stop; further lines (commands to copy) after it. */
  readonly hint?: string | readonly string[] | undefined
  readonly cause?: unknown
  /** The server asked us not to come back before this many seconds (RFC 8555 §6.6, RFC 9110 §10.2.3). */
  readonly retryAfterSeconds?: number | undefined
  /** Of several names, those at fault, and what went wrong with each; the others were fine, or were not tried. */
  readonly byName?: ReadonlyMap<string, unknown> | undefined
  /** Perhaps the name itself is wrong: no zone holds it, or the CA issues for no such name. */
  readonly doubtsName?: boolean | undefined
  /** Names whose challenge the CA found wrong (RFC 8555 §7.1.6): it counts them. */
  readonly failedValidations?: readonly string[] | undefined
  /** Of Provider.present(): it is proved that this call wrote nothing at all, so that nothing need be taken back. */
  readonly nothingWritten?: boolean | undefined
  /** The CA itself was not to be reached, could not do it (5xx), or limits us: another one might do it. */
  readonly caFailed?: boolean | undefined
  /** To try again is worth this long at most, whatever the caller's limit is. */
  readonly worthSeconds?: number | undefined
}

/**
 * The one error class. `message`: what we did, to what, what came back; one line. What came back is a stranger's text, so
 * controls in it are shown here, once, for the log, the ledger and JSON alike. Secrets that it repeats are masked there.
 */
export class Dns01Error extends Error {
  readonly code: Code
  /** Its further lines are indented. */
  readonly hint: string | undefined
  readonly retryAfterSeconds: number | undefined
  readonly byName: ReadonlyMap<string, unknown>
  readonly doubtsName: boolean
  readonly failedValidations: readonly string[]
  readonly nothingWritten: boolean
  readonly caFailed: boolean
  readonly worthSeconds: number | undefined

  constructor(code: Code, message: string, details: ErrorDetails = {}) {
    super(shown(message), details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'Dns01Error'
    this.code = code
    this.hint = details.hint === undefined ? undefined : [details.hint].flat().map(shown).join('\n  ')
    this.retryAfterSeconds = details.retryAfterSeconds
    this.byName = details.byName ?? new Map()
    this.doubtsName = details.doubtsName ?? false
    this.failedValidations = details.failedValidations ?? []
    this.nothingWritten = details.nothingWritten ?? false
    this.caFailed = details.caFailed ?? false
    this.worthSeconds = details.worthSeconds
  }
}

/** The code of any thrown value: what is not ours is a bug. */
export function codeOf(error: unknown): Code {
  const known = understood(error)
  return known instanceof Dns01Error ? known.code : 'BUG'
}

/** Any call of node may fail by these, import() too: so they are put into words here, where every error comes by. */
const NO_HANDLE_LEFT: Readonly<Record<string, string>> = {
  EMFILE: 'this process may not open any more files or connections',
  ENFILE: 'this machine may not open any more files or connections',
}

/**
 * What the machine has against a path, where nobody has put it into better words: what a service user may not see, and
 * disks that fail, are nobody's bug. ENOENT and the like stay one: then we did not look.
 */
const OF_THE_MACHINE: Readonly<Record<string, string>> = {
  EACCES: 'let the user that dns01 runs as read it, or run as the one who may, mostly root',
  EPERM: 'run as the user who owns it, mostly root',
  EROFS: 'remount that file system for writing',
  ENOSPC: 'free some space on that file system',
  EDQUOT: 'free some space on that file system',
  EIO: 'look into the kernel log',
}

/** What node throws for want of a file handle, or of rights, as STATE, in words; everything else as it is. */
function understood(error: unknown): unknown {
  const { code: given, path } = (error ?? {}) as { readonly code?: unknown; readonly path?: unknown }
  const code = String(given)
  if (error instanceof Dns01Error) return error
  const hint = typeof path === 'string' ? OF_THE_MACHINE[code] : undefined
  if (hint !== undefined) return new Dns01Error('STATE', messageOf(error), { cause: error, hint })
  const meaning = NO_HANDLE_LEFT[code]
  return meaning === undefined
    ? error
    : new Dns01Error('STATE', `${meaning}: ${messageOf(error)}`, { cause: error, hint: 'raise the limit (ulimit -n)' })
}

/** Exit status of a run in which all of these went wrong: the lowest wins; none is 0. */
export const exitStatus = (errors: readonly unknown[]): number =>
  errors.length === 0 ? 0 : Math.min(...errors.map(error => FAULTS[codeOf(error)].exit))

/** The text of any thrown value, without a stack. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The same error, with these details changed. */
export function withDetails(error: Dns01Error, details: ErrorDetails): Dns01Error {
  const hint = hintsOf(error.hint)
  const changed = new Dns01Error(error.code, error.message, { ...error, hint, cause: error.cause, ...details })
  if (error.stack !== undefined) changed.stack = error.stack
  return changed
}

/** The same error, which from now on proves that nothing was written. What is not ours proves nothing. */
export const unwritten = <T>(error: T): T =>
  error instanceof Dns01Error && !error.nothingWritten ? (withDetails(error, { nothingWritten: true }) as T) : error

/** The same error, which proves nothing any more: something was written beside what it tells of, or may have been. */
export const doubtful = <T>(error: T): T =>
  error instanceof Dns01Error && error.nothingWritten ? (withDetails(error, { nothingWritten: false }) as T) : error

export const isUnwritten = (error: unknown): boolean => error instanceof Dns01Error && error.nothingWritten

/** Node's code below our words: ECONNREFUSED … */
export function systemCodeOf(error: unknown): string | undefined {
  const { code } = ((error instanceof Dns01Error ? error.cause : error) ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** Of a connection that was never made: not a byte of the request has gone out. */
const NEVER_SENT = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN'])
export const wasNeverSent = (error: unknown): boolean => NEVER_SENT.has(systemCodeOf(error) ?? '')

/** What went wrong, of a message `asking 192.0.2.1 for …: what went wrong`, where the reader is told otherwise who was asked. */
export const reasonIn = (error: unknown): string => messageOf(error).replace(/^.*?: /, '')

/** A list in a message: the first of it, and how many more there are. */
export const shortList = (items: readonly string[], atMost = 5, between = ', '): string =>
  items.slice(0, atMost).join(between) + (items.length > atMost ? `${between}and ${items.length - atMost} more` : '')

/**
 * The lines of an error's hint, for another error that says the same. Given as one text, the breaks between them would be shown as
 * those of a stranger are.
 */
export const hintsOf = (hint: string | undefined): readonly string[] | undefined => hint?.split('\n  ')

/** Any thrown value as lines for people: what happened, then what to do; of a bug its stack. */
export function linesOf(error: unknown): [string, ...string[]] {
  const known = understood(error)
  if (!(known instanceof Dns01Error)) return [String(known), ...framesOf(known)]
  return [known.message, ...(hintsOf(known.hint) ?? [])]
}

/** Where it happened. The stack begins with the message, whose line breaks may be a stranger's. */
function framesOf(error: unknown): string[] {
  const { stack = '' } = error instanceof Error ? error : {}
  const frames = stack.startsWith(String(error)) ? stack.slice(String(error).length) : stack
  return frames.split('\n').flatMap(line => line.trim() || [])
}

/** An error as programs read it (--json). */
export function errorDocument(error: unknown) {
  const about = { code: codeOf(error), message: brief(messageOf(error)), exit: FAULTS[codeOf(error)].exit }
  if (!(error instanceof Dns01Error)) return about
  return { ...about, hint: error.hint, retryAfterSeconds: error.retryAfterSeconds }
}

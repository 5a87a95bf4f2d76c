// Everything outside dns01 (clock, network, disk, programs), as types. It comes in as an argument, so that a
// test puts a fake in its place without a patch to any global, and a function's signature tells what it can touch.
import type { Name } from './names.js'

/** Everything outside dns01. Functions ask only for the parts they use: `Pick<World, 'dns' | 'clock'>`. */
export interface World {
  readonly clock: Clock
  readonly fetch: Fetch
  readonly dns: Dns
  readonly tls: Tls
  readonly files: Files
  /** Cryptographically strong random bytes. */
  readonly random: (bytes: number) => Uint8Array
  readonly run: (argv: readonly string[], options: RunOptions) => Promise<RunResult>
  readonly mail: Mail
  readonly env: Readonly<Record<string, string | undefined>>
  readonly self: Self
  readonly log: Log
  /** Absent when nobody can be asked (--batch, or no terminal and no --stdio). */
  readonly prompt?: Prompt | undefined
  /** For root: this process is that user's from now on, and there is no way back. `env`: its environment by then. */
  readonly become?: ((user: Account, env: World['env']) => World) | undefined
}

/** A user of this machine (passwd(5)). */
export interface Account {
  readonly name: string
  readonly uid: number
  readonly gid: number
}

export interface Clock {
  now(): Date
  /** Resolves after that time; rejects with the signal's reason as soon as it is aborted. */
  sleep(seconds: number, signal: AbortSignal): Promise<void>
  /** A signal that aborts after that time with a TimeoutError; it never keeps the process alive. */
  deadline(seconds: number): AbortSignal
}

/** Looking at what a server shows: connections over which nothing is told, and whose certificate is believed by nobody. */
export interface Tls {
  /** Rejects with Dns01Error UNAVAILABLE, in words, or with the signal's reason; the signal ends everything on the line. */
  connect(host: string, port: number, signal: AbortSignal): Promise<Line>
  /** The CAs that this machine trusts (SSL_CERT_FILE and its like included), DER. @throws Dns01Error CONFIG */
  trustedCas(): Promise<readonly Uint8Array[]>
}

export interface Line {
  /** What came next; nothing when the other side has closed. */
  read(): Promise<Uint8Array>
  write(bytes: Uint8Array | string): void
  /**
   * TLS from here on, with whatever version and ciphers both sides have. What came before and was not read is dropped: who can
   * write between us and the server could put it there. Rejects as connect().
   * @param name what is asked for (SNI, RFC 6066 §3)
   */
  shake(name: string | undefined): Promise<Handshake>
  close(): void
}

/** What was agreed, and what was shown. */
export interface Handshake {
  /** `TLSv1.3`. */
  readonly protocol: string
  readonly cipher: string
  /** DER: the certificate, and of those that came with it each that has the name of the signer of the one before. */
  readonly chain: readonly Uint8Array[]
}

/** One HTTP exchange: keep-alive, the user's proxies and trusted CAs. Redirects are not followed, no status is an error.
 *  Rejects with Dns01Error UNAVAILABLE (hint for an untrusted certificate included) or with the signal's reason. */
export type Fetch = (url: URL, request: HttpRequest) => Promise<HttpResponse>

export interface HttpRequest {
  readonly method: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly signal: AbortSignal
  /** Silence longer than this is an error; 30 when absent. */
  readonly timeoutSeconds?: number
  /** The whole exchange may take so long, however the answer drips; twice timeoutSeconds, so a minute, when absent. */
  readonly totalSeconds?: number
}

export interface HttpResponse {
  readonly status: number
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Types we read or write, and any other by its number (RFC 3597 §5), which only a server of ours meets. */
export type RecordType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'DNAME' | 'DS' | 'NS' | 'SOA' | 'TXT' | `TYPE${number}`

export interface Question {
  /** '' is the root. */
  readonly name: Name
  readonly type: RecordType
}

/**
 * One resource record. `data`: the address (A, AAAA), the name (CNAME, DNAME, NS), the strings joined (TXT), the primary's
 * name (SOA), `FLAGS TAG VALUE` (CAA).
 */
export interface ResourceRecord {
  readonly name: Name
  readonly type: RecordType
  readonly ttlSeconds: number
  readonly data: string
}

export type Rcode = 'NOERROR' | 'FORMERR' | 'SERVFAIL' | 'NXDOMAIN' | 'NOTIMP' | 'REFUSED' | `RCODE${number}`

export interface DnsAnswer {
  readonly rcode: Rcode
  /** The AA bit (RFC 1035 §4.1.1). */
  readonly authoritative: boolean
  /** The AD bit (RFC 4035 §3.2.3). */
  readonly authentic?: boolean
  readonly answers: readonly ResourceRecord[]
  readonly authorities: readonly ResourceRecord[]
  /** Glue, with a delegation (RFC 9471 §2). */
  readonly additionals?: readonly ResourceRecord[]
}

/** Where to ask. `server`: `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1`, `[2001:db8::1]:5353`, or an `https:` URL (RFC 8484). */
export interface Where {
  readonly server: string
  readonly recursion: boolean
  readonly signal: AbortSignal
  /** For the whole exchange, UDP repeats and TCP included; 5 when absent. */
  readonly timeoutSeconds?: number
}

export interface Dns {
  /** Asks one server: UDP with EDNS (RFC 6891), again by TCP when truncated. Answers to another question are not heard.
   *  Rejects with Dns01Error UNAVAILABLE when nothing comes; any rcode is an answer. */
  query(question: Question, where: Where): Promise<DnsAnswer>
  /** Sends one ready-made message and returns the answer with the same id, its bytes unchecked besides (RFC 2136 updates). */
  exchange(
    message: Uint8Array,
    where: Omit<Where, 'recursion'> & { readonly transport: 'udp' | 'tcp' },
  ): Promise<Uint8Array>
  /** Answers on UDP and TCP at every address until closed. Malformed packets never reach `answer`; undefined means REFUSED.
   *  Rejects with Dns01Error CONFIG when an address cannot be bound. */
  serve(listen: readonly string[], answer: (question: Question) => DnsAnswer | undefined, log: Log): Promise<DnsServer>
  /** Addresses of the machine's resolvers, as `server` above. */
  systemResolvers(): readonly string[]
}

export interface DnsServer {
  /** What it listens on, ports filled in. */
  readonly addresses: readonly string[]
  close(): Promise<void>
}

export interface FileInfo {
  readonly kind: 'file' | 'folder' | 'link' | 'other'
  /** Permission bits, with setuid, setgid and sticky. */
  readonly mode: number
  readonly sizeBytes: number
  readonly changedAt: Date
  readonly uid: number
  readonly gid: number
  /** What stays the same when it gets another name, and is another when something else takes its name. */
  readonly inode: number
  /** Names of a file (hard links); of a folder nothing to rely on. */
  readonly links: number
}

/** What setRights() changes; what is not given stays. */
export interface Rights {
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
}

/** The disk. Asking is synchronous: a look at 10,000 certificates is 100,000 tiny questions, and a promise for each
 *  would cost more than the answer (measured: 4 times). Changing is asynchronous, so that one fsync does not stop the
 *  others. Errors are node's (`code: 'ENOENT'` …). No call follows a link in the last component, but for read() and readPlain(). */
export interface Files {
  /** Entries in byte order; throws ENOENT, ENOTDIR. */
  list(folder: string): { readonly name: string; readonly kind: FileInfo['kind'] }[]
  /** undefined when there is nothing at that path. */
  info(path: string): FileInfo | undefined
  read(path: string): Uint8Array
  /** The same of a regular file; throws EFTYPE for a FIFO, a socket or a device instead of waiting for its writer. */
  readPlain(path: string): Uint8Array
  /**
   * Rights and text (UTF-8) of a regular file by one descriptor: of the same file, whatever is renamed meanwhile. Throws
   * ELOOP for a link, else as readPlain().
   */
  readWithInfo(path: string): { readonly info: FileInfo; readonly text: string }
  readLink(path: string): string
  makeFolder(path: string, mode: number): Promise<void>
  /** Creates (never overwrites) with exactly this mode, writes, syncs, closes. Leaves nothing when that fails. */
  writeNew(path: string, bytes: Uint8Array, mode: number): Promise<void>
  symlink(target: string, path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** A file, a link, or an empty folder. */
  remove(path: string): Promise<void>
  /**
   * Changes the rights of what `seen` was when info() told of it, below `root`. Throws ESTALE when something else stands
   * there by now, or a link stands on the way from `root`; EMLINK for a file with a second name, which may be anywhere.
   */
  setRights(root: string, path: string, seen: FileInfo, rights: Rights): Promise<void>
  /** Makes renames and removals in this folder last through a power loss. */
  syncFolder(path: string): Promise<void>
  /** A second name for a file; throws EEXIST. The one atomic "only if absent" that every file system has. */
  hardLink(existing: string, path: string): Promise<void>
}

/** Where Linux shows a process its standard input as a file (stdin(3)). */
export const standardInput = '/dev/stdin'

export interface RunOptions {
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** '' is an empty pipe. */
  readonly input: string
  /** After it the child's whole process group is ended (TERM, then KILL). */
  readonly timeoutSeconds: number
  readonly signal: AbortSignal
  /** Each line of stdout and stderr as it comes. */
  readonly line?: (text: string) => void
}

export interface RunResult {
  /** Exit status; 128+n after a signal; -1 when it could not be started. */
  readonly exit: number
  /** stdout, at most 1 MiB. */
  readonly output: string
  /** Why it could not be started, or who ended it. */
  readonly problem?: string | undefined
  /** It was ended because of timeoutSeconds; `exit` is not 0 then, whatever it said. */
  readonly late?: boolean
}

/** A mail to people: plain text. */
export interface MailMessage {
  /** An address, without a name. */
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly date: Date
}

/** Whom a mail is handed to. */
export interface SmtpServer {
  readonly host: string
  readonly port: number
  /** `at once` (RFC 8314), by STARTTLS or not at all (`required`), only if it is offered, or never. */
  readonly tls: 'at once' | 'required' | 'if offered' | 'never'
  readonly login?: { readonly user: string; readonly password: string } | undefined
}

export interface Mail {
  /** As it goes over the wire (RFC 5322): ASCII, each line ends with CRLF. */
  compose(message: MailMessage): Promise<string>
  /** Hands it to the server (RFC 5321): what that said, and recipients that it would not have; with none left it rejects.
   *  Rejects with Dns01Error UNAVAILABLE, REFUSED, CONFIG (its TLS certificate, or none), or with the signal's reason. */
  send(
    message: MailMessage,
    server: SmtpServer,
    signal: AbortSignal,
  ): Promise<{ readonly answer: string; readonly refused: readonly string[] }>
}

export interface Self {
  readonly pid: number
  /** Where that number and alive() mean something (pid_namespaces(7)); '' on systems without. */
  readonly pidNamespace: string
  readonly host: string
  readonly uid: number
  /** Primary and supplementary are not told apart. */
  readonly gid: number
  /** How this program is called again; its arguments follow. */
  readonly program: readonly string[]
  /** Whether a process of this id runs on this machine. */
  alive(pid: number): boolean
}

export const LEVELS = ['error', 'warn', 'notice', 'info', 'debug', 'trace'] as const
export type Level = (typeof LEVELS)[number]

/** The one event of progress: what is done about something now, or what it waits for. A later one about the same takes its place. */
export interface Step {
  /** As people know it: `www.example.com +2`. */
  readonly subject: string
  /** Which one, where several may have one name: a target's file. The subject when absent. */
  readonly id?: string
  /** In the same words for all that are at it, by which they are counted. undefined: it is over. */
  readonly stage?: string | undefined
  /** What exactly; asked again whenever it is shown. */
  readonly detail?: () => string
  /** The stage is given up after so long. */
  readonly atMostSeconds?: number
  /** `certificate`: one of those that a run is to get. `pause`: lies over another's step until that is tried again. */
  readonly kind?: 'certificate' | 'pause'
  /** How it ended, of a certificate; with `detail` for why. */
  readonly result?: 'issued' | 'failed'
}

export interface Log {
  /** One line, and further lines of ours, indented below it. A line break within a text is shown, not made. */
  error(message: string, ...more: readonly string[]): void
  warn(message: string, ...more: readonly string[]): void
  notice(message: string, ...more: readonly string[]): void
  info(message: string, ...more: readonly string[]): void
  debug(message: string, ...more: readonly string[]): void
  trace(message: string, ...more: readonly string[]): void
  /** Shown in a list on a terminal; elsewhere a line at INFO for each new stage, but for pauses. */
  step(step: Step): void
  /** From now on this text is shown as `***` wherever it would appear. */
  mask(secret: string): void
  /** The text with all such secrets as `***`, for what is kept or printed elsewhere. */
  masked(text: string): string
}

/** Each rejects with Dns01Error CONFIG when there is no answer to be had. */
export interface Prompt {
  confirm(question: string): Promise<boolean>
  text(question: string, initial?: string): Promise<string>
  /** What is typed is not shown. */
  secret(question: string): Promise<string>
  /** Returns the value of the chosen one. `initial`: the value of the one that is taken when nothing is said. */
  select(
    question: string,
    choices: readonly { readonly value: string; readonly label: string; readonly hint?: string }[],
    initial?: string,
  ): Promise<string>
  note(text: string): void
}

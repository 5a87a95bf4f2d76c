// What is said before TLS begins, for the protocols that begin in plain text (STARTTLS and its like). Whoever can write
// between us and the server can say anything here: so answers are read to their end, bounded, and nothing of them is kept.
import { Dns01Error, messageOf } from '../core/errors.js'
import { brief } from '../core/gate.js'
import type { Dialogue } from '../core/place.js'
import type { Line } from '../core/world.js'
import { children, type Der, expectDer, hexOf, readDer, TAG, textOf, wholeOf, wrongDer } from '../x509/der.js'
import { element } from '../x509/der-write.js'

/** The server said no, or something else than its protocol has. */
const refused = (what: string, hint?: string): Dns01Error => new Dns01Error('UNAVAILABLE', what, { hint })

const noProtocol = (what: string, got: string): Dns01Error =>
  refused(`no ${what} is spoken there: ${got === '' ? 'the connection was closed' : JSON.stringify(brief(got, 100))}`)

const notOffered = (what: string, got = ''): Dns01Error =>
  refused(
    `the server offers no ${what}${got && `: ${brief(got, 100)}`}`,
    'configure TLS in this server, or look at a port where TLS begins at once (tls://HOST:PORT)',
  )

/** Leaves the line where TLS may begin. @throws Dns01Error UNAVAILABLE */
export async function greet(line: Line, dialogue: Dialogue): Promise<void> {
  await GREETINGS[dialogue](new Reader(line))
}

const GREETINGS: Readonly<Record<Dialogue, (reader: Reader) => Promise<void>>> = {
  tls: async () => {},
  smtp,
  imap,
  pop3,
  ldap,
  postgres,
  ftp,
}

/** RFC 3207 §4. The name is one that no host can have (RFC 2606 §2): ours is nobody's business. */
async function smtp(reader: Reader): Promise<void> {
  await numbered(reader, 'SMTP', '220')
  reader.line.write('EHLO dns01.invalid\r\n')
  const offers = await numbered(reader, 'SMTP', '250')
  if (!offers.some(offer => /^250[ -]STARTTLS\b/i.test(offer))) throw notOffered('STARTTLS')
  reader.line.write('STARTTLS\r\n')
  const [answer = ''] = await replies(reader, 'SMTP')
  if (!answer.startsWith('220')) throw notOffered('STARTTLS now', answer)
}

/** RFC 4217 §4. */
async function ftp(reader: Reader): Promise<void> {
  await numbered(reader, 'FTP', '220')
  reader.line.write('AUTH TLS\r\n')
  const [answer = ''] = await replies(reader, 'FTP')
  if (!answer.startsWith('234')) throw notOffered('AUTH TLS', answer)
}

/** RFC 9051 §6.2.1. */
async function imap(reader: Reader): Promise<void> {
  const greeting = await reader.text()
  if (!/^\* (OK|PREAUTH)\b/i.test(greeting)) throw noProtocol('IMAP', greeting)
  reader.line.write('a STARTTLS\r\n')
  for (let lines = 0; lines < mostLines; lines++) {
    const answer = await reader.text()
    if (/^a OK\b/i.test(answer)) return
    if (!answer.startsWith('* ')) throw notOffered('STARTTLS', answer)
  }
  throw noProtocol('IMAP', 'it does not come to an end')
}

/** RFC 2595 §4. */
async function pop3(reader: Reader): Promise<void> {
  const greeting = await reader.text()
  if (!greeting.startsWith('+OK')) throw noProtocol('POP3', greeting)
  reader.line.write('STLS\r\n')
  const answer = await reader.text()
  if (!answer.startsWith('+OK')) throw notOffered('STLS', answer)
}

/** The Start TLS operation (RFC 4511 §4.14), an ExtendedRequest [APPLICATION 23] in message 1. */
const startTls = '1.3.6.1.4.1.1466.20037'
const application = (n: number): number => 0x60 | n

async function ldap(reader: Reader): Promise<void> {
  const name = objectName(startTls)
  reader.line.write(element(TAG.sequence, element(TAG.integer, Buffer.of(1)), element(application(23), name)))
  const { code, said } = extendedResult(await reader.element('LDAP'))
  if (code !== 0) throw notOffered('Start TLS', `result ${code}${said && `, ${said}`}`)
}

/** LDAPResult of an ExtendedResponse [APPLICATION 24] to message 1 (RFC 4511 §4.1.9, §4.12). */
function extendedResult(message: Der): { readonly code: number; readonly said: string } {
  try {
    const [id, answer] = children(expectDer(message, TAG.sequence, 'the message'))
    const [result, , diagnostic] = children(expectDer(answer, application(24), 'the answer'))
    const [code = 0] = wholeOf(expectDer(result, 0x0a, 'the result')).slice(-1) // ENUMERATED
    if (hexOf(expectDer(id, TAG.integer, 'its number')) !== '01') throw wrongDer('it answers another message')
    return { code, said: diagnostic ? textOf(diagnostic) : '' }
  } catch (error) {
    throw noProtocol('LDAP', messageOf(error))
  }
}

/** requestName [0] LDAPOID: its dots as text (RFC 4511 §4.1.2). */
const objectName = (oid: string): Buffer => element(0x80, Buffer.from(oid))

/** SSLRequest: its length and a number that is no version; the answer is one letter (PostgreSQL, Message Formats). */
async function postgres(reader: Reader): Promise<void> {
  reader.line.write(Buffer.from('0000000804d2162f', 'hex'))
  const answer = await reader.bytes(1)
  const letter = Buffer.from(answer).toString('latin1')
  if (letter === 'S') return
  throw letter === 'N' ? notOffered('TLS (ssl = off, or no certificate)') : noProtocol('PostgreSQL', letter)
}

/** Longer answers are no greeting. Our own choices. */
const mostLines = 100
const longestLine = 4096
const longestElement = 16_384

/** All lines of a reply with that number; the last has a space behind it (RFC 5321 §4.2.1, RFC 959 §4.2). */
async function numbered(reader: Reader, protocol: string, code: string): Promise<string[]> {
  const lines = await replies(reader, protocol)
  if (!lines[0]?.startsWith(code)) throw noProtocol(protocol, lines[0] ?? '')
  return lines
}

async function replies(reader: Reader, protocol: string): Promise<string[]> {
  const lines: string[] = []
  while (lines.length < mostLines) {
    const line = await reader.text()
    lines.push(line)
    if (/^\d{3}( |$)/.test(line)) return lines
    if (lines.length === 1 && !/^\d{3}-/.test(line)) throw noProtocol(protocol, line)
  }
  throw noProtocol(protocol, 'it does not come to an end')
}

/** Bytes as they come, by the line or by the structure. What is over when TLS begins is dropped with it. */
class Reader {
  readonly line: Line
  #held = Buffer.alloc(0)

  constructor(line: Line) {
    this.line = line
  }

  /** Without its end; what came when the connection was closed, if anything did. */
  async text(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf('\n')
      if (end >= 0)
        return this.#take(end + 1)
          .toString('latin1')
          .trimEnd()
      if (this.#held.length > longestLine) throw refused(`it sends a line of more than ${longestLine} bytes`)
      if (!(await this.#more())) return this.#take(this.#held.length).toString('latin1')
    }
  }

  async bytes(count: number): Promise<Uint8Array> {
    while (this.#held.length < count) if (!(await this.#more())) break
    return this.#take(Math.min(count, this.#held.length))
  }

  /** BER as LDAP has it: definite lengths (RFC 4511 §5.1). */
  async element(protocol: string): Promise<Der> {
    for (;;) {
      const whole = lengthOf(this.#held)
      if (whole !== undefined && whole > longestElement) throw noProtocol(protocol, 'it is too long')
      if (whole !== undefined && this.#held.length >= whole) {
        try {
          return readDer(this.#take(whole))
        } catch {
          throw noProtocol(protocol, 'it is no BER')
        }
      }
      if (!(await this.#more())) throw noProtocol(protocol, this.#held.toString('latin1'))
    }
  }

  async #more(): Promise<boolean> {
    const bytes = await this.line.read()
    this.#held = Buffer.concat([this.#held, bytes])
    return bytes.length > 0
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count)
    this.#held = this.#held.subarray(count)
    return taken
  }
}

/** Of the first element; undefined while its header has not come. */
function lengthOf(bytes: Buffer): number | undefined {
  if (bytes.length < 2) return undefined
  const first = bytes[1] as number
  if (first < 0x80) return 2 + first
  const count = first & 0x7f
  if (bytes.length < 2 + count) return undefined
  return count === 0 || count > 4 ? Number.POSITIVE_INFINITY : 2 + count + bytes.readUIntBE(2, count)
}

// Notices by mail: by SMTP where a server is set, else by the program sendmail, which every mail system of a machine has.
import { Dns01Error } from '../core/errors.js'
import { brief, shown } from '../core/gate.js'
import type { MailMessage, SmtpServer } from '../core/world.js'
import type { Message } from './message.js'
import type { Channel, Kind, NotifyWorld } from './settings.js'
import { isLoopback } from './url.js'

const settings = {
  to: { env: ['DNS01_NOTIFY_MAIL'], help: 'addresses that notices are mailed to, comma-separated' },
  from: { env: ['DNS01_NOTIFY_FROM'], help: 'the address that they come from (the user of SMTP, else dns01@HOST)' },
  smtp: { env: ['DNS01_NOTIFY_SMTP'], help: 'smtps://USER@HOST, or smtp:// for STARTTLS (without: sendmail)' },
  password: { env: ['DNS01_NOTIFY_SMTP_PASSWORD'], help: 'of that user', secret: true },
  sendmail: { env: ['DNS01_NOTIFY_SENDMAIL'], help: 'that program', default: '/usr/sbin/sendmail' },
} as const

export const mail: Kind = {
  name: 'mail',
  settings,
  open: (world, values): Channel => {
    const to = addresses('DNS01_NOTIFY_MAIL', values.to ?? '')
    const server = values.smtp ? smtpServer(values.smtp, values.password) : undefined
    const user = server?.login?.user ?? ''
    const sender = values.from ?? (user.includes('@') ? user : `dns01@${world.self.host}`)
    const [from = sender] = addresses(values.from ? 'DNS01_NOTIFY_FROM' : 'DNS01_NOTIFY_SMTP', sender)
    const mailOf = ({ subject, text, time }: Message): MailMessage => ({
      from,
      to,
      subject,
      text: `${text}\n`,
      date: time,
    })
    const program = values.sendmail ?? settings.sendmail.default
    return {
      name: 'mail',
      to: `${to.join(', ')} by ${server ? `${server.host}:${server.port}` : program}`,
      send: (message, signal) =>
        server ? bySmtp(world, server, mailOf(message), signal) : bySendmail(world, program, mailOf(message), signal),
    }
  },
}

/** A name, which the mail system of this machine knows, or an address; what stands in a header must be nothing else. */
const ADDRESS = /^[\w.!#$%&'*+/=?^`{|}~-]+(@[\w.-]+)?$/u

function addresses(variable: string, text: string): string[] {
  const all = text.split(/[\s,]+/).filter(one => one !== '')
  const wrong = all.find(one => !ADDRESS.test(one) || one.startsWith('-'))
  if (wrong !== undefined || all.length === 0)
    throw new Dns01Error('CONFIG', `${variable}: "${wrong ?? text}" is not a mail address`, {
      hint: 'such as admin@example.com, several with commas',
    })
  return all
}

/** RFC 8314 §3.3, RFC 6409 §3.1, RFC 5321: with a login the ports of submission. */
const ports = { smtps: 465, submission: 587, smtp: 25 } as const

/** @throws Dns01Error CONFIG */
function smtpServer(text: string, password: string | undefined): SmtpServer {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '' || !['', '/'].includes(url.pathname))
    throw new Dns01Error('CONFIG', 'DNS01_NOTIFY_SMTP is not the URL of a mail server', {
      hint: 'smtps://USER@HOST, smtp://USER@HOST:PORT for STARTTLS, or smtp://HOST without a login; %40 for @ in USER',
    })
  if (url.password !== '')
    throw new Dns01Error('CONFIG', 'DNS01_NOTIFY_SMTP has a password in it', {
      hint: 'it belongs into DNS01_NOTIFY_SMTP_PASSWORD',
    })
  const user = decodeURIComponent(url.username)
  if ((user === '') !== (password === undefined))
    throw new Dns01Error(
      'CONFIG',
      user === '' ? 'DNS01_NOTIFY_SMTP names no user for the password' : 'DNS01_NOTIFY_SMTP_PASSWORD is not set',
      {
        hint: 'smtps://USER@HOST, and the password of that user',
      },
    )
  const atOnce = url.protocol === 'smtps:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const usual = atOnce ? ports.smtps : user === '' ? ports.smtp : ports.submission
  // the mail system of this very machine has a certificate for another name, or made by itself
  const withoutLogin = isLoopback(url.hostname) ? 'never' : 'if offered'
  return {
    host,
    port: url.port === '' ? usual : Number(url.port),
    tls: atOnce ? 'at once' : user === '' ? withoutLogin : 'required',
    login: password === undefined ? undefined : { user, password },
  }
}

/** What went to some of several recipients is sent: as an error it would go to them again, run by run. */
async function bySmtp(
  world: NotifyWorld,
  server: SmtpServer,
  message: MailMessage,
  signal: AbortSignal,
): Promise<string> {
  const { answer, refused } = await world.mail.send(message, server, signal)
  if (refused.length > 0) world.log.warn(`the mail server ${server.host} refuses ${refused.join(', ')}`)
  return brief(shown(answer), longestAnswer)
}

/** Of what a mail server says so much is told. */
const longestAnswer = 200

/** A queue that is busy takes a moment. */
const sendmailSeconds = 20

/** As sendmail has it since 1983: recipients from the headers (-t), a line with a single dot does not end it (-i). */
async function bySendmail(
  world: NotifyWorld,
  program: string,
  message: MailMessage,
  signal: AbortSignal,
): Promise<string> {
  const composed = await world.mail.compose(message)
  const { PATH = '/usr/sbin:/usr/bin:/sbin:/bin', HOME } = world.env
  const { exit, output, problem } = await world.run([program, '-t', '-i'], {
    env: { PATH, HOME }, // nothing of ours that is secret
    cwd: '/',
    input: composed.replaceAll('\r\n', '\n'), // sendmail reads lines of its system
    timeoutSeconds: sendmailSeconds,
    signal,
  })
  if (exit === 0) return 'handed over'
  const why = problem ?? (output.trim() === '' ? `it ends with ${exit}` : output.trim().split('\n')[0])
  throw new Dns01Error('UNAVAILABLE', `${program}: ${why}`, {
    hint: exit === -1 ? 'no mail system is installed? DNS01_NOTIFY_SMTP names a mail server instead' : undefined,
  })
}

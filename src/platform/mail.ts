/** The World's `mail`: one message, handed to one server, bounded in time. Who speaks SMTP and writes the headers is nodemailer. */

import type { SecureContext } from 'node:tls'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Mail, MailMessage, SmtpServer, World } from '../core/world.js'
import { openTrust } from './trusted-cas.js'

/** Silence of a server longer than this is an error. Our own choice: a notice must not hold up the end of a run. */
const silenceSeconds = 15

/**
 * CAs are those that HTTPS trusts. Of nodemailer the composer and the connection are taken, not its transports: these bring 140 kB
 * for Amazon's API and tables of mail services, and cannot be stopped by a signal.
 */
export const openMail = ({ env }: Pick<World, 'env'>): Mail => ({
  compose: async message => (await composed(message)).toString('latin1'),
  send: async (message, server, signal) => {
    signal.throwIfAborted()
    const secureContext = server.tls === 'never' ? undefined : openTrust(env).whole()
    return deliver(await composed(message), message, { ...server, secureContext }, signal)
  },
})

async function composed({ from, to, subject, text, date }: MailMessage): Promise<Buffer> {
  const { default: MailComposer } = await import('nodemailer/lib/mail-composer')
  const headers = { 'Auto-Submitted': 'auto-generated' } // RFC 3834 §5: no vacation answers
  const mail = new MailComposer({
    ...{ from: { name: 'dns01', address: from }, to: to.map(plain), subject, text, date, headers },
    ...{ disableFileAccess: true, disableUrlAccess: true, newline: 'win' },
  })
  return new Promise((resolve, reject) => {
    mail.compile().build((error, bytes) => (error || !bytes ? reject(error) : resolve(bytes)))
  })
}

/** As an object also a name without @ stays, which the mail system of the machine knows. */
const plain = (address: string) => ({ name: '', address })

type Server = SmtpServer & { readonly secureContext: SecureContext | undefined }

async function deliver(raw: Buffer, message: MailMessage, server: Server, signal: AbortSignal) {
  const { default: SMTPConnection } = await import('nodemailer/lib/smtp-connection')
  // As mail servers do among each other (RFC 7435 §3): where nothing would be no fault, an unknown certificate is none.
  const verified = { rejectUnauthorized: server.tls !== 'if offered' }
  const connection = new SMTPConnection({
    ...{ host: server.host, port: server.port, secure: server.tls === 'at once' },
    ...{ requireTLS: server.tls === 'required', ignoreTLS: server.tls === 'never' },
    ...(server.secureContext && { tls: { secureContext: server.secureContext, minVersion: 'TLSv1.2', ...verified } }),
    ...{ connectionTimeout: silenceSeconds * 1000, greetingTimeout: silenceSeconds * 1000 },
    ...{ socketTimeout: silenceSeconds * 1000, dnsTimeout: silenceSeconds * 1000 },
  })
  const said = await new Promise<Awaited<ReturnType<Mail['send']>>>((resolve, reject) => {
    const fail = (error: unknown): void => {
      reject(signal.aborted ? signal.reason : explain(server, error))
      connection.close() // afterwards: it says `end` at once
    }
    signal.addEventListener('abort', fail, { once: true })
    connection.on('error', fail)
    connection.once('end', () => fail(new Error('the connection was closed')))
    const send = (): void => {
      const envelope = { from: message.from, to: [...message.to] }
      connection.send(envelope, raw, (error, info) => {
        if (error || !info) return fail(error)
        resolve({ answer: info.response, refused: info.rejected })
      })
    }
    connection.connect(error => {
      if (error) return fail(error)
      if (!server.login) return send()
      connection.login({ user: server.login.user, pass: server.login.password }, wrong =>
        wrong ? fail(wrong) : send(),
      )
    })
  })
  connection.removeAllListeners()
  connection.on('error', () => {}) // what goes wrong while it says goodbye is of no matter
  connection.quit()
  return said
}

/** nodemailer's codes (its errors.d.ts) → what to do. What is not here may pass. */
const HINTS: Readonly<Record<string, string>> = {
  EAUTH: 'check the user in DNS01_NOTIFY_SMTP, and DNS01_NOTIFY_SMTP_PASSWORD',
  ETLS: 'a password is sent by TLS only: smtps://, or a server that offers STARTTLS with a trusted certificate',
  EENVELOPE: 'check the addresses in DNS01_NOTIFY_MAIL and DNS01_NOTIFY_FROM',
}

/** In words; a 4xx reply (RFC 5321 §4.2.1) and whatever is wrong with the network may pass. */
function explain({ host, port, tls }: SmtpServer, error: unknown): Dns01Error {
  const { code = '', responseCode = 0 } = (error ?? {}) as { code?: string; responseCode?: number }
  const what = `the mail server ${host}:${port}: ${messageOf(error)}`
  const details = { cause: error, hint: HINTS[code] }
  if (/certificate|altnames/i.test(messageOf(error)))
    return new Dns01Error('CONFIG', what, {
      cause: error,
      hint: 'if it is from your own CA, put its root certificate (PEM) into a file and set SSL_CERT_FILE to that path',
    })
  if (responseCode >= 500) return new Dns01Error('REFUSED', what, details)
  if (code === 'ETLS' && tls !== 'at once') return new Dns01Error('CONFIG', what, details)
  return new Dns01Error('UNAVAILABLE', what, { cause: error })
}

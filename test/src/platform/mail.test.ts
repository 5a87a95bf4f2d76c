import type { AddressInfo } from 'node:net'
import { createServer, type Server } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { MailMessage, SmtpServer } from '../../../src/core/world.js'
import { openMail } from '../../../src/platform/mail.js'

const message: MailMessage = {
  ...{ from: 'dns01@web1.example', to: ['admin@example.com', 'root'], date: new Date('2026-06-01T12:00:00Z') },
  ...{ subject: 'bücher.example fails, 9 d left', text: 'bücher.example: 日本\n.\nend\n' },
}
const mail = openMail({ env: {} })
let server: Server | undefined
afterEach(() => void server?.close())

/** One that says this when somebody connects, and then nothing. */
async function serverThat(greets: string): Promise<SmtpServer> {
  const listening = createServer(socket => void socket.on('error', () => {}).write(greets))
  server = listening
  await new Promise<void>(resolve => listening.listen(0, '127.0.0.1', resolve))
  return { host: '127.0.0.1', port: (listening.address() as AddressInfo).port, tls: 'never' }
}

test('a mail is ASCII with CRLF, has a date and an id, and says that a program sent it', async () => {
  const composed = await mail.compose(message)
  expect(composed).toMatch(/^[\r\n\x20-\x7e]*$/)
  expect(composed.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
  const lines = composed.split('\r\n')
  for (const line of [
    'Auto-Submitted: auto-generated',
    'From: dns01 <dns01@web1.example>',
    'To: admin@example.com, <root>',
    'Subject: =?UTF-8?Q?b=C3=BCcher=2Eexample_fails=2C_9_d_left?=',
    'Date: Mon, 01 Jun 2026 12:00:00 +0000',
    'Content-Type: text/plain; charset=utf-8',
  ])
    expect(lines).toContain(line)
  expect(composed).toMatch(/^Message-ID: <[\w-]+@web1\.example>\r$/m)
})

test('what begins as a header of its own is not one', async () => {
  const composed = await mail.compose({ ...message, subject: 'x\r\nBcc: c@example.com' })
  expect(composed).not.toMatch(/^Bcc/m)
})

test.each(['', '220 mail.example\r\n'])(
  'a server that says %j and no more is left when the signal says so',
  async greets => {
    const to = await serverThat(greets)
    const stop = new AbortController()
    const sending = mail.send(message, to, stop.signal)
    const connected = new Promise<void>(resolve => server?.once('connection', () => resolve()))
    await connected
    stop.abort(new Error('enough'))
    await expect(sending).rejects.toThrow('enough')
    await expect(mail.send(message, to, stop.signal)).rejects.toThrow('enough')
  },
)

test.each<[string, string, object]>([
  ['is busy', '421 4.3.2 try later\r\n', { code: 'UNAVAILABLE', message: expect.stringContaining('421') }],
  ['wants nobody', '554 5.7.1 go away\r\n', { code: 'REFUSED', message: expect.stringContaining('554') }],
  ['is none', 'SSH-2.0-OpenSSH_9.2\r\n', { code: 'UNAVAILABLE' }],
])('a server that %s', async (_, greets, error) => {
  const to = await serverThat(greets)
  await expect(mail.send(message, to, new AbortController().signal)).rejects.toMatchObject(error)
})

test('a host that no DNS knows, and a port where nobody listens, may be there later', async () => {
  const { signal } = new AbortController()
  const nowhere = mail.send(message, { host: 'mail.invalid', port: 25, tls: 'if offered' }, signal)
  await expect(nowhere).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('mail.invalid:25'),
  })
  await expect(mail.send(message, { host: '127.0.0.1', port: 1, tls: 'never' }, signal)).rejects.toMatchObject({
    code: 'UNAVAILABLE',
  })
})

// Notices as they arrive: at a real SMTP server and at HTTP receivers, from the built program, which a real CA fails and serves again.
import { spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openMail } from '../../src/platform/mail.js'
import { fillState } from '../bench/certificates.js'
import { allBlocks, pageText } from '../docs.js'
import { type Dns01Result, runDns01, startDns01 } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { temporaryFolder } from './servers/process.js'
import { type Arrived, type MailServer, type Receiver, startMailServer, startReceiver } from './servers/receivers.js'
import { type Lab, startLab } from './servers/state.js'

const password = 'pass word with spaces'
const user = 'dns01@mail.test'

/** Nobody listens there (RFC 6335 §6: port 1 is tcpmux). */
const nobody = 'http://127.0.0.1:1'

describe.skipIf(lacking('pebble', 'aiosmtpd'))('notices', () => {
  const folder = temporaryFolder('notify')
  const inside = (name: string) => join(folder.path, name)
  let lab: Lab
  let smtp: MailServer
  let receiver: Receiver
  /** A CA that will not have us: an answer is quicker than what is tried again. */
  let refusing: Receiver
  beforeAll(async () => {
    ;[lab, smtp, receiver, refusing] = await Promise.all([
      startLab(),
      startMailServer(folder.path, 'starttls', [user, password]),
      startReceiver(),
      startReceiver(),
    ])
    refusing.answer = refuse(refusing.url)
    writeFileSync(inside('roots.pem'), `${readFileSync(lab.pebble.caFile, 'utf8')}\n${smtp.ca}`)
  })
  afterAll(async () => {
    await Promise.all([lab?.stop(), smtp?.stop(), receiver?.stop(), refusing?.stop()])
    folder.remove()
  })

  let state = ''
  let count = 0
  beforeEach(() => {
    state = inside(`state${count++}`)
    mkdirSync(join(state, 'conf'), { recursive: true })
    mkdirSync(join(state, 'desired'))
    writeFileSync(join(state, 'conf/responses'), readFileSync(join(lab.state, 'conf/responses')))
    receiver.arrived.length = 0
    receiver.answer = (_, response) => void response.end('ok')
    fromCa(`${refusing.url}/dir`)
  })
  afterEach(() => expect(JSON.stringify(receiver.arrived.map(({ body }) => body))).not.toContain(password))

  const fromCa = (url: string) =>
    writeFileSync(join(state, 'conf/target'), `request: {provider: "${url}", key: {type: ecdsa}}\n`)
  const want = (name: string) => writeFileSync(join(state, 'desired', name), `satisfy: {names: [${name}]}\n`)
  const dns01 = (args: readonly string[], env: Readonly<Record<string, string>>): Promise<Dns01Result> =>
    runDns01(args, { env: { ...lab.env, ACME_STATE_DIR: state, SSL_CERT_FILE: inside('roots.pem'), ...env } })
  const cron = (env: Readonly<Record<string, string>>) => dns01(['--batch', 'reconcile'], env)

  const byMail = () => ({
    DNS01_NOTIFY_MAIL: 'admin@example.com, ops@example.com',
    DNS01_NOTIFY_SMTP: `smtp://${encodeURIComponent(user)}@localhost:${smtp.port}`,
    DNS01_NOTIFY_SMTP_PASSWORD: password,
  })
  const byAll = () => ({
    ...byMail(),
    DNS01_NOTIFY_WEBHOOK: `${receiver.url}/webhook/s3cr3t`,
    DNS01_NOTIFY_WEBHOOK_SECRET: `whsec_${Buffer.from('a key of 24 bytes or more').toString('base64')}`,
    DNS01_NOTIFY_SLACK: `${receiver.url}/slack/T0/B0/s3cr3t`,
    DNS01_NOTIFY_MATTERMOST: `${receiver.url}/hooks/s3cr3t`,
    DNS01_NOTIFY_TEAMS: `${receiver.url}/workflows/1/triggers/manual/paths/invoke?sig=s3cr3t`,
    DNS01_NOTIFY_NTFY: `${receiver.url}/s3cr3t-topic`,
    DNS01_NOTIFY_NTFY_TOKEN: 'tk_s3cr3t',
    DNS01_NOTIFY_GOTIFY: `${receiver.url}/gotify`,
    DNS01_NOTIFY_GOTIFY_TOKEN: 'As3cr3t',
    DNS01_NOTIFY_TELEGRAM: '-100123',
    DNS01_NOTIFY_TELEGRAM_TOKEN: '123456:s3cr3t',
    DNS01_NOTIFY_TELEGRAM_URL: `${receiver.url}/telegram`,
  })
  const paths = () => receiver.arrived.map(({ path }) => path).sort()
  const arrivedAt = (start: string) => receiver.arrived.find(({ path }) => path.startsWith(start))
  const bodyAt = (start: string) => JSON.parse(arrivedAt(start)?.body ?? '{}')
  const told = () => JSON.parse(readFileSync(join(state, '.dns01/ledger.json'), 'utf8')).notices ?? {}

  /** What is different each time as docs/notices.md shows it. */
  const asInDocs = (mail: string): string =>
    decoded(mail)
      .replaceAll(state, '/var/lib/acme')
      .replaceAll(hostname(), 'web1')
      .replaceAll(refusing.url, 'https://ca.example')
      .replace(/until \d{4}-\d\d-\d\d/, 'until 2026-12-01')
      .replace(/next try \S+/, 'next try 2026-11-22T06:26Z')
      .replace(/^Date: .*/m, 'Date: Sun, 22 Nov 2026 06:25:03 +0000')
      .replace(/^Message-ID: .*/m, 'Message-ID: <3f0c6a1e-5a53-4a52-b7e0-6d0f6c1f7a10@mail.test>')

  function isToldInEachForm(): void {
    const { headers = {}, body = '' }: Partial<Arrived> = arrivedAt('/webhook') ?? {}
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`
    const mac = createHmac('sha256', 'a key of 24 bytes or more').update(signed).digest('base64')
    expect(headers['webhook-signature']).toBe(`v1,${mac}`)
    expect(JSON.parse(body)).toMatchObject({
      ...{ version: 1, event: 'trouble', host: hostname(), stateDirectory: state },
      notices: [{ kind: 'failed', names: ['a.corp.example'], about: 'a.corp.example', code: 'REFUSED', daysLeft: 9 }],
    })
    const subject = `dns01 on ${hostname()}: a.corp.example fails, 9 d left`
    const text = expect.stringContaining('a.corp.example: ')
    expect(bodyAt('/slack').text).toMatch(new RegExp(`^${subject}\n\`\`\`\nThis failed:\n`))
    expect(bodyAt('/hooks').text).toMatch(new RegExp(`^\`\`\`\n${subject}\n\nThis failed:\n`))
    expect(bodyAt('/gotify')).toEqual({ title: subject, message: text, priority: 8 })
    expect(arrivedAt('/gotify')?.headers).toMatchObject({ 'x-gotify-key': 'As3cr3t' })
    expect(bodyAt('/telegram')).toMatchObject({ chat_id: '-100123', text })
    const topic = receiver.arrived.find(({ path }) => path === '/')
    expect(topic?.headers.authorization).toBe('Bearer tk_s3cr3t')
    expect(JSON.parse(topic?.body ?? '')).toEqual({ topic: 's3cr3t-topic', title: subject, message: text, priority: 4 })
    const [card] = bodyAt('/workflows').attachments
    const { type, body: blocks } = card.content
    expect([card.contentType, type]).toEqual(['application/vnd.microsoft.card.adaptive', 'AdaptiveCard'])
    expect(blocks[0].inlines).toEqual([{ type: 'TextRun', text: subject, weight: 'Bolder' }])
  }

  test('of a renewal that fails come once by each channel, and once that it is well again', async () => {
    fillState(state, ['a.corp.example'], undefined, 80.5)
    fromCa(`${refusing.url}/dir`)
    const before = smtp.mails().length
    const first = await cron(byAll())
    expect(`${first.exit} ${first.stdout}${first.stderr}`).toMatch(/^6 .*a\.corp\.example/)
    expect(first.stderr).not.toMatch(/s3cr3t|notice/)
    expect(readFileSync(join(state, '.dns01/ledger.json'), 'utf8')).not.toContain('s3cr3t')
    expect(paths()).toEqual([
      ...['/', '/gotify/message', '/hooks/s3cr3t', '/slack/T0/B0/s3cr3t', '/telegram/bot123456:s3cr3t/sendMessage'],
      ...['/webhook/s3cr3t', '/workflows/1/triggers/manual/paths/invoke?sig=s3cr3t'],
    ])
    const [mail, ...more] = (await smtp.arrived(before + 1)).slice(before)
    expect(more).toEqual([])
    expect(mail).toMatchObject({ sender: user, to: ['admin@example.com', 'ops@example.com'], tls: true, user })
    expect(asInDocs(mail?.mail ?? '')).toBe(pageText('docs/notices.md').match(/^```text\n([\s\S]*?)^```$/m)?.[1])
    isToldInEachForm()

    await cron(byAll())
    expect([receiver.arrived.length, smtp.mails().length - before]).toEqual([7, 1])

    fromCa(lab.pebble.directoryUrl)
    expect(await cron(byAll())).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    expect([receiver.arrived.length, (await smtp.arrived(before + 2)).length - before]).toEqual([14, 2])
    expect(smtp.mails().at(-1)?.mail).toMatch(/^Subject: dns01 on .*: a\.corp\.example is well again\r?$/m)
    expect(told()).toEqual({})
    await cron(byAll())
    expect([receiver.arrived.length, smtp.mails().length - before]).toEqual([14, 2])
  })

  test('that cannot be sent are said and sent by the next run; the run is what it is, and other channels go on', async () => {
    want('a.corp.example')
    const wrong = {
      ...byMail(),
      DNS01_NOTIFY_SMTP_PASSWORD: 'another one',
      DNS01_NOTIFY_SLACK: `${receiver.url}/slack/s3cr3t`,
    }
    const { exit, stderr } = await cron({ ...wrong, DNS01_NOTIFY_MATTERMOST: `${nobody}/hooks/s3cr3t` })
    expect(exit).toBe(6)
    expect(stderr).toMatch(
      /no notice could be sent by mail to admin@example\.com, ops@example\.com by localhost:\d+: .*535/,
    )
    expect(stderr).toMatch(/no notice could be sent by mattermost to 127\.0\.0\.1:1: .*ECONNREFUSED/)
    expect(stderr).not.toMatch(/s3cr3t|another one/)
    expect(paths()).toEqual(['/slack/s3cr3t'])
    const before = smtp.mails().length
    await cron({ ...byMail(), DNS01_NOTIFY_SLACK: `${receiver.url}/slack/s3cr3t` })
    expect([(await smtp.arrived(before + 1)).length - before, paths()]).toEqual([1, ['/slack/s3cr3t']])
  })

  test('that are answered with an error or a redirection are said to be, and the answer obeys nobody', async () => {
    want('a.corp.example')
    receiver.answer = (path, response) => {
      if (path.startsWith('/slack')) response.writeHead(500).end('\x1b[31mbroken\x07')
      else if (path.startsWith('/hooks')) response.writeHead(302, { location: '/elsewhere' }).end()
      else response.writeHead(403).end('invalid_token')
    }
    const { DNS01_NOTIFY_SLACK, DNS01_NOTIFY_MATTERMOST, DNS01_NOTIFY_TEAMS } = byAll()
    const { exit, stderr } = await cron({ DNS01_NOTIFY_SLACK, DNS01_NOTIFY_MATTERMOST, DNS01_NOTIFY_TEAMS })
    expect(exit).toBe(6)
    expect(stderr).toMatch(/by slack to .*answers 500 \\x1b\[31mbroken\\x07/)
    expect(stderr).toMatch(/by mattermost to .*leads elsewhere \(302\)/)
    expect(stderr).toMatch(/by teams to .*answers 403 invalid_token/)
    expect(stderr).not.toContain('s3cr3t')
    expect(receiver.arrived.length).toBe(3)
  })

  test('of a run that is killed between sending and noting come once more, and then no more', async () => {
    want('a.corp.example')
    const env = { DNS01_NOTIFY_SLACK: `${receiver.url}/slack/s3cr3t` }
    const run = startDns01(['--batch', 'reconcile'], { env: { ...lab.env, ACME_STATE_DIR: state, ...env } })
    receiver.answer = () => run.kill('SIGKILL')
    expect((await run.result).exit).toBe(137)
    receiver.answer = (_, response) => void response.end('ok')
    for (let i = 0; i < 2; i++) await cron(env)
    expect(paths()).toEqual(['/slack/s3cr3t', '/slack/s3cr3t'])
  })

  test('a run that finds conf/dns.yml wrong tells it once, and that it is over', async () => {
    writeFileSync(join(state, 'conf/dns.yml'), 'provdier: builtin\n')
    const env = { DNS01_NOTIFY_SLACK: `${receiver.url}/slack/s3cr3t` }
    for (let i = 0; i < 2; i++) expect((await cron(env)).exit).toBe(3)
    expect(receiver.arrived.map(({ body }) => JSON.parse(body).text)).toEqual([
      expect.stringContaining('conf/dns.yml:1: unknown key'),
    ])
    writeFileSync(join(state, 'conf/dns.yml'), 'provider: builtin\n')
    expect((await cron(env)).exit).toBe(0)
    expect(receiver.arrived.map(({ body }) => JSON.parse(body).text).at(-1)).toMatch(/the run is well again/)
  })

  test('a password is not sent to a server without TLS, or with a certificate that nobody trusts', async () => {
    const login = [user, password]
    const plain = await startMailServer(folder.path, 'plain', login)
    const atOnce = await startMailServer(folder.path, 'tls', login)
    try {
      const to = (scheme: string, port: number, SSL_CERT_FILE = inside('roots.pem')) =>
        dns01(['notify', '--test'], {
          ...byMail(),
          DNS01_NOTIFY_SMTP: `${scheme}://${encodeURIComponent(user)}@localhost:${port}`,
          SSL_CERT_FILE,
        })
      writeFileSync(inside('own.pem'), atOnce.ca)
      const tried = await Promise.all([
        to('smtp', plain.port),
        to('smtps', atOnce.port),
        to('smtps', atOnce.port, inside('own.pem')),
      ])
      expect(tried.map(({ exit }) => exit)).toEqual([3, 3, 0])
      expect(tried[1]?.stdout).toMatch(/^failed {2}mail to .*certificate[\s\S]*SSL_CERT_FILE/)
      expect(tried[2]?.stdout).toMatch(
        /^ok {6}mail to admin@example\.com, ops@example\.com by localhost:\d+: 250 2\.0\.0 queued as 4711\n$/,
      )
      expect([plain.logins(), plain.mails()]).toEqual([[], []])
      expect(await atOnce.arrived(1)).toMatchObject([{ tls: true }])
      expect(atOnce.logins()).toEqual([{ login: user, right: true }])
    } finally {
      await Promise.all([plain.stop(), atOnce.stop()])
    }
  })

  test('without a login TLS is used where it is offered, whatever the certificate', async () => {
    const relay = await startMailServer(folder.path, 'starttls')
    try {
      const mail = {
        from: 'dns01@web1.example',
        to: ['nobody@example.com', 'ops@example.com'],
        subject: 'x',
        text: 'y',
      }
      const server = { host: 'localhost', port: relay.port, tls: 'if offered' } as const
      const send = (to: readonly string[]) =>
        openMail({ env: {} }).send({ ...mail, to, date: new Date() }, server, new AbortController().signal)
      expect(await send(mail.to)).toEqual({ answer: '250 2.0.0 queued as 4711', refused: ['nobody@example.com'] })
      expect(await relay.arrived(1)).toMatchObject([{ tls: true, to: ['ops@example.com'] }])
      await expect(send(['nobody@example.com'])).rejects.toMatchObject({ code: 'REFUSED' })
    } finally {
      await relay.stop()
    }
  })

  test('the ping says each run whether all is well, and why not; it fails none', async () => {
    const DNS01_PING_URL = `${receiver.url}/s3cr3t-uuid`
    expect(await cron({ DNS01_PING_URL })).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    want('a.corp.example')
    expect((await cron({ DNS01_PING_URL })).exit).toBe(6)
    expect(receiver.arrived.map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /s3cr3t-uuid',
      'POST /s3cr3t-uuid/fail',
    ])
    expect(receiver.arrived[1]?.body).toMatch(/^newOrder for a\.corp\.example: /)
    await dns01(['reconcile'], { DNS01_PING_URL })
    expect(receiver.arrived.length).toBe(2) // somebody watches
    writeFileSync(join(state, 'desired/a.corp.example'), 'satisfy: [')
    const broken = await cron({ DNS01_PING_URL: `${nobody}/s3cr3t-uuid` })
    expect([broken.exit, broken.stderr]).toEqual([
      3,
      expect.stringMatching(/no ping could be sent \(DNS01_PING_URL\): http:\/\/127\.0\.0\.1:1 cannot/),
    ])
    expect(broken.stderr).not.toContain('s3cr3t')
  })

  test.skipIf(lacking('promtool'))(
    'metrics and the alerts of docs/notices.md are as Prometheus wants them',
    async () => {
      fillState(state, ['a.corp.example', 'b.corp.example'], undefined, 80.5)
      fromCa(`${refusing.url}/dir`)
      const file = inside('dns01.prom')
      const quiet = (env: Readonly<Record<string, string>>) =>
        dns01(['--batch', '--state', inside('quiet'), 'reconcile'], env)
      expect((await quiet({ DNS01_METRICS: file })).exit).toBe(0)
      const success = readFileSync(file, 'utf8').match(/^dns01_last_success_timestamp_seconds.*$/m)?.[0]
      expect(success).toMatch(/"\} 1[0-9]{9}$/)
      expect((await dns01(['--batch', 'reconcile', '--metrics', file], {})).exit).toBe(6)
      const text = readFileSync(file, 'utf8')
      expect(text).toMatch(
        /^dns01_certificate_failures\{name="a\.corp\.example",target="a\.corp\.example",state=".*"\} 1$/m,
      )
      expect(text).toMatch(/^dns01_last_run_exit_status\{.*\} 6$/m)
      const check = (words: readonly string[], input: string) =>
        spawnSync(need('promtool'), ['check', ...words], { input, encoding: 'utf8' })
      expect(check(['metrics'], text)).toMatchObject({ status: 0, stdout: '', stderr: '' })
      const [rules] = allBlocks('yaml').filter(({ page }) => page === 'docs/notices.md')
      writeFileSync(inside('rules.yml'), rules?.text ?? '')
      expect(check(['rules', inside('rules.yml')], '')).toMatchObject({
        status: 0,
        stdout: expect.stringContaining('4 rules'),
      })
      const named = new Set((rules?.text ?? '').match(/dns01_\w+/g))
      expect(
        [...named].filter(name => !text.includes(`\n${name}{`) && name !== 'dns01_last_success_timestamp_seconds'),
      ).toEqual([])
    },
  )

  test('of a hook that fails come once, and that it is well again', async () => {
    want('hook.corp.example')
    fromCa(lab.pebble.directoryUrl)
    const hooks = inside('hooks')
    mkdirSync(hooks)
    const hook = (text: string) => writeFileSync(join(hooks, 'serve'), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
    hook('[ "$1" = live-updated ] || exit 42\necho "config is wrong"; exit 1')
    const env = { DNS01_NOTIFY_SLACK: `${receiver.url}/slack/s3cr3t`, ACME_HOOKS_DIR: hooks }
    for (let i = 0; i < 2; i++) expect((await cron(env)).exit).toBe(8)
    hook('exit 42')
    expect((await cron(env)).exit).toBe(0)
    const [failed, well, ...more] = receiver.arrived.map(({ body }) => JSON.parse(body).text)
    expect(failed).toMatch(/hooks\/serve fails\n[\s\S]*config is wrong/)
    expect(well).toMatch(/hooks\/serve is well again/)
    expect(more).toEqual([])
  })

  test('cost a run that has nothing to tell nothing: neither mail nor any of it is loaded', async () => {
    const loaded = async (env: Readonly<Record<string, string>>) => {
      const folder = inside(`loaded${count++}`)
      await cron({ ...env, NODE_V8_COVERAGE: folder })
      const texts = readdirSync(folder).map(file => readFileSync(join(folder, file), 'utf8'))
      return ['after-run-', 'mail-composer-', 'smtp-connection-'].filter(name =>
        texts.join('').includes(`/chunks/${name}`),
      )
    }
    expect(await loaded({})).toEqual([])
    expect(await loaded(byMail())).toEqual(['after-run-'])
    want('a.corp.example')
    expect(await loaded(byMail())).toEqual(['after-run-', 'mail-composer-', 'smtp-connection-'])
  })

  test('by sendmail are given to that program on standard input, recipients in the headers', async () => {
    want('a.corp.example')
    const sendmail = inside('sendmail')
    writeFileSync(sendmail, `#!/bin/sh\n{ echo "$@"; env; cat; } >'${inside('handed')}'\n`)
    chmodSync(sendmail, 0o755)
    const env = { DNS01_NOTIFY_MAIL: 'root', DNS01_NOTIFY_SENDMAIL: sendmail, CF_Token: 's3cr3t' }
    expect((await cron(env)).stderr).not.toMatch(/notice/)
    const handed = readFileSync(inside('handed'), 'utf8')
    expect(handed).toMatch(/^-t -i\n/)
    expect(handed).toMatch(/^To: <root>$/m)
    expect(handed).toMatch(/^Auto-Submitted: auto-generated$/m)
    expect(handed).not.toMatch(/s3cr3t|\r/)
    writeFileSync(sendmail, '#!/bin/sh\necho "queue full" >&2\nexit 75\n')
    writeFileSync(join(state, 'desired/b'), 'satisfy: {names: [b.corp.example]}\n')
    expect((await cron(env)).stderr).toMatch(/no notice could be sent by mail to root by .*sendmail: /)
  })
})

/** What a CA says that knows us and issues for none of our names. */
function refuse(url: string): Receiver['answer'] {
  const paths = ['newNonce', 'newAccount', 'newOrder', 'revokeCert', 'keyChange']
  const directory = Object.fromEntries(paths.map(path => [path, `${url}/${path}`]))
  const detail = 'policy forbids issuing for this name'
  const problem = { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail }
  return (path, response) => {
    const isOrder = path === '/newOrder'
    const type = isOrder ? 'application/problem+json' : 'application/json'
    const headers = { 'content-type': type, 'replay-nonce': 'bm9uY2U', location: `${url}/account/1` }
    const body = isOrder ? problem : path === '/dir' ? directory : { status: 'valid' }
    response.writeHead(isOrder ? 403 : path === '/newAccount' ? 201 : 200, headers).end(JSON.stringify(body))
  }
}

/** Text of quoted-printable (RFC 2045 §6.7), lines as files have them. */
const decoded = (mail: string): string =>
  mail
    .replaceAll('\r\n', '\n')
    .replaceAll('=\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))

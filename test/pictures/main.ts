// Pictures for the documentation: what people see of a real run. Real are the runs, the CA, terminal and browser; made up are
// the ages of certificates that are older than today, since nobody wants to wait for two months.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Name } from '../../src/core/names.js'
import { realWorld } from '../../src/platform/index.js'
import { openLog } from '../../src/platform/log.js'
import { StateDir } from '../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../fakes/certificates.js'
import { startBrowser } from '../real/servers/browser.js'
import { runDns01 } from '../real/servers/dns01.js'
import { temporaryFolder } from '../real/servers/process.js'
import { type Lab, startLab } from '../real/servers/state.js'
import { startOnTerminal } from '../real/servers/terminal.js'
import { midwayScreen, terminalPage } from './terminal-page.js'

const dayMs = 86_400_000
const width = 100

/** Name → how many of its 90 days are gone. The one of another zone cannot be renewed here. */
const older: Readonly<Record<string, number>> = {
  'printer.example.net': 71,
  'git.corp.example': 6,
  'ldap.corp.example': 52,
  'backup.corp.example': 37,
  'grafana.corp.example': 21,
}

/** Takes all pictures into this folder. */
export async function takePictures(folder: string, tell: (text: string) => void): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const lab = await startLab({ noSleep: false, sleepSeconds: 3 })
  const outside = temporaryFolder('pictures')
  const { browser, stop } = await startBrowser()
  const take = async (name: string, html: string, look: Look): Promise<void> => {
    const context = await browser.newContext({
      viewport: { width: look.width, height: look.height ?? 100 },
      colorScheme: look.theme ?? 'dark',
    })
    const page = await context.newPage()
    await page.setContent(html)
    const path = join(folder, `${name}.png`)
    await page.screenshot({ path, fullPage: look.height === undefined })
    await context.close()
    tell(`${path}: ${Math.ceil(statSync(path).size / 1024)} kB`)
  }
  try {
    const mail = join(outside.path, 'mail')
    const seen = await whatIsSeen(lab, outside.path, mail)
    await take('progress', terminalPage(seen.progress), { width: 860 })
    await take('summary', terminalPage(seen.summary), { width: 860 })
    await take('status', terminalPage(seen.status), { width: 860 })
    await take('mail', terminalPage(seen.mail), { width: 860 })
    await take('report-light', seen.report, { width: 900, height: 840, theme: 'light' })
    await take('report-dark-narrow', seen.report, { width: 360, height: 1240 })
  } finally {
    await stop()
    await lab.stop()
    outside.remove()
  }
}

interface Look {
  readonly width: number
  /** Absent: as much as there is. */
  readonly height?: number
  readonly theme?: 'light' | 'dark'
}

/** The story: some certificates are there, one of them cannot be renewed, four more are wanted; then somebody looks. */
async function whatIsSeen(lab: Lab, folder: string, mail: string) {
  const crontab = `17 */6 * * * ${lab.env.PATH?.split(':')[0]}/dns01 --batch --state ${lab.state} reconcile`
  writeFileSync(join(folder, 'crontab'), `#!/bin/sh\necho '${crontab}'\n`, { mode: 0o755 })
  const PATH = `${folder}:${lab.env.PATH}`
  const env = { ...lab.env, PATH, FORCE_COLOR: '1', TERM: 'xterm-256color', HOME: folder }
  const dns01 = (...args: string[]) => runDns01(args, { env: { ...env, ...notices(folder, mail) } })
  const told = (text: string): string => asElsewhere(text, lab)
  const onTerminal = async (line: string): Promise<string> => {
    const { stdout } = await startOnTerminal(line, { env, width }).result
    return told(`$ ${line}\r\n${stdout}`)
  }
  const summary = await onTerminal("dns01 want www.corp.example '*.corp.example'")
  await plant(lab)
  await dns01('--batch', 'reconcile')
  for (const name of ['vault', 'wiki', 'db', 'ci', 'registry'])
    await dns01('want', '--no-reconcile', `${name}.corp.example`)
  const progress = midwayScreen(await onTerminal('dns01'))
  await dns01('--batch', 'reconcile')
  const report = join(folder, 'report.html')
  await dns01('report', report)
  return {
    ...{ progress, summary, status: await onTerminal('dns01 status') },
    report: told(readFileSync(report, 'utf8')),
    mail: told(asRead(readFileSync(mail, 'utf8'))),
  }
}

/** With the paths and names of a usual machine instead of those of the lab. */
const asElsewhere = (text: string, { state, pebble }: Lab): string =>
  text
    .replaceAll(state, '/var/lib/acme')
    .replaceAll(new URL(pebble.directoryUrl).host, 'ca.corp.example')
    .replaceAll(new RegExp(`\\b${hostname()}\\b`, 'g'), 'gate')
    .replaceAll(/(?<=says )[\d.]+\d/g, '192.0.2.53')

/** A mail as programs show it: four lines of its head, and its text without the encoding of its way (RFC 2045 §6.7). */
function asRead(mail: string): string {
  const [head = '', ...body] = mail.split(/\r?\n\r?\n/)
  const lines = head.split(/\r?\n/).filter(line => /^(From|To|Date|Subject):/.test(line))
  const text = body
    .join('\n\n')
    .replaceAll(/=\r?\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
  const decoded = Buffer.from(text, 'latin1').toString('utf8')
  return [...lines.map(line => `\u001b[1m${line}\u001b[0m`), '', ...decoded.split('\n')].join('\r\n')
}

/** A program in sendmail's place that keeps the mail. */
function notices(folder: string, mail: string): Readonly<Record<string, string>> {
  const program = join(folder, 'sendmail')
  writeFileSync(program, `#!/bin/sh\ncat >'${mail}'\n`, { mode: 0o755 })
  return {
    DNS01_NOTIFY_MAIL: 'admin@corp.example',
    DNS01_NOTIFY_FROM: 'dns01@gate.corp.example',
    DNS01_NOTIFY_SENDMAIL: program,
  }
}

/** Certificates that were got some time ago, by the account that the first run has registered. */
async function plant({ state, pebble }: Lab): Promise<void> {
  const log = openLog({ sinks: [], now: () => new Date() })
  const world = realWorld({ env: {}, log, program: [] })
  const directory = await StateDir.open(world, state)
  const [account] = directory.accounts()
  const now = Date.now()
  for (const [name, age] of Object.entries(older)) {
    const key = ecKey()
    const dates = { notBefore: new Date(now - age * dayMs), notAfter: new Date(now + (90 - age) * dayMs - 3_600_000) }
    await directory.addKey(key)
    const order = { url: `${pebble.directoryUrl}/${name}`, accountId: account?.id ?? '', keyId: key.id }
    const id = await directory.addOrder(order)
    await directory.storeCertificate(id, await selfSigned(key, [name], { ...dates, issuer: 'CN=Pebble Intermediate' }))
    await directory.writeTarget(name, `satisfy:\n  names:\n    - ${name as Name}\n`)
    await directory.pointLive(name, id)
  }
}

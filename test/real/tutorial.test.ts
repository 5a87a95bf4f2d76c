import { X509Certificate } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking, need } from './servers/need.js'
import { type Netns, withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'
import { type RunningServer, startServer } from './servers/process.js'
import { type RunningRoute53, resolverAddress, startRoute53 } from './servers/route53.js'
import { makeTestCa } from './servers/test-ca.js'

const fixtures = join(import.meta.dirname, '../fixtures/tutorial')
const letsEncrypt = 'acme-v02.api.letsencrypt.org'
const terms = 'https://letsencrypt.org/documents/LE-SA-v1.5-February-24-2025.pdf'

interface Tutorial {
  readonly machine: Machine
  readonly route53: RunningRoute53
  /** AWS keys and the hosted zone, as the tutorial exports them. */
  readonly env: Readonly<Record<string, string>>
}

/** A network in which Let's Encrypt is a Pebble with today's terms, and Route 53 its double with the zone domain.com. */
const inTutorial = (work: (tutorial: Tutorial) => Promise<void>): Promise<void> =>
  withNetns({ resolvers: [resolverAddress], hosts: `127.0.0.1 ${letsEncrypt}\n` }, async netns => {
    const machine = makeMachine(netns.name)
    const route53 = await startRoute53(netns.name, { zones: [{ name: 'domain.com', id: 'Z1' }], syncSeconds: 1 })
    const pebble = await startPebble({ dnsServer: route53.resolver, netns: netns.name })
    const front = await startFront(netns, machine.folder, pebble.directoryUrl)
    mkdirSync(join(machine.folder, 'bin'))
    symlinkSync(dns01Program, join(machine.folder, 'bin/dns01'))
    const trusted = join(machine.folder, 'trusted.pem')
    const roots = [pebble.caFile, join(machine.folder, 'ca.pem')]
    writeFileSync(trusted, roots.map(path => readFileSync(path, 'utf8')).join('\n'))
    const env = {
      ...route53.env,
      ACME_HOSTED_ZONE: 'Z1',
      PATH: `${join(machine.folder, 'bin')}:${process.env.PATH}`,
      SSL_CERT_FILE: trusted,
    }
    try {
      await work({ machine, route53, env })
    } finally {
      await Promise.all([front.stop(), pebble.stop(), route53.stop()])
      machine.remove()
    }
  })

/** Serves Pebble's directory at Let's Encrypt's address. Pebble's own terms are a data: URL, that of no host. */
async function startFront(netns: Netns, folder: string, directoryUrl: string): Promise<RunningServer> {
  const tls = await makeTestCa([{ type: 'dns', value: letsEncrypt }])
  for (const [name, text] of Object.entries(tls)) writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 })
  const directory = JSON.parse(await netns.exec([need('curl'), '--silent', '--insecure', directoryUrl]))
  directory.meta.termsOfService = terms
  writeFileSync(join(folder, 'directory'), JSON.stringify(directory))
  const server = `const { readFileSync } = require('fs')
    require('https').createServer({ cert: readFileSync('cert.pem'), key: readFileSync('key.pem') }, (request, response) => {
      const isDirectory = request.url === '/directory'
      response.writeHead(isDirectory ? 200 : 404, { 'content-type': 'application/json' })
      response.end(isDirectory ? readFileSync('directory') : '{}')
    }).listen(443, () => console.log('ready'))`
  return startServer([process.execPath, '-e', server], { ready: /ready/, netns: netns.name, cwd: folder })
}

const prepare = ({ machine }: Tutorial): Promise<unknown> => {
  copyFileSync(join(fixtures, 'acme-conf.yml'), join(machine.folder, 'acme-conf.yml'))
  copyFileSync(join(fixtures, 'route53-hook.py'), join(machine.folder, 'route53-hook'))
  return succeed(machine, 'mkdir -p /var/lib/acme/conf/responses; cp acme-conf.yml /var/lib/acme/conf/responses/')
}

async function succeed(machine: Machine, ...[script, options]: Parameters<Machine['sh']>): Promise<string> {
  const { exit, stdout, stderr } = await machine.sh(script, options)
  expect(`${exit}\n${stdout}${stderr}`).toMatch(/^0\n/)
  return stdout + stderr
}

const live = ({ machine }: Tutorial, name: string): X509Certificate =>
  new X509Certificate(readFileSync(join(machine.varLib, 'acme/live', name, 'fullchain')))

/** Every path with its mode and time of change; but for what passes through tmp/ on its way into .dns01. */
const snapshot = ({ machine }: Tutorial): string[] =>
  [machine.etc, machine.varLib].flatMap(folder =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter(path => !path.includes('.dns01') && path !== 'acme/tmp' && /acme|cron/.test(join(folder, path)))
      .map(path => `${path} ${statSync(join(folder, path)).mode} ${statSync(join(folder, path)).mtimeMs}`),
  )

/** What cron does: the command of the line, by sh, with the variables of the file and no others. */
const asCron = `eval "$(grep -E '^(SHELL|PATH)=' /etc/cron.d/dns01 | sed 's/^/cron_/')"
command=$(sed -n 's/^[0-9]* [0-9,*]* \\* \\* \\* root //p' /etc/cron.d/dns01)
env -i SHELL=$cron_SHELL PATH=$cron_PATH HOME=/root LOGNAME=root sh -c "$command"`

describe.skipIf(lacking('pebble', 'netns', 'curl', 'unshare'))('the tutorial, to the letter', () => {
  test(
    'with its Python hook, which keeps one value per name',
    () =>
      inTutorial(async tutorial => {
        const { machine, route53, env } = tutorial
        await prepare(tutorial)
        await succeed(machine, 'mkdir -p /etc/acme/hooks; install -m 755 route53-hook /etc/acme/hooks/route53')
        const said = await succeed(machine, 'dns01 --batch quickstart', { env })
        expect(said).toContain(terms)
        expect(said).toContain('LE-SA-v1.1.1-August-1-2016.pdf')
        expect(said).toMatch(/^DNS provider +hooks$/m)
        expect(readdirSync(join(machine.varLib, 'acme/accounts'))).toEqual(['acme-v01.api.letsencrypt.org%2fdirectory'])
        expect(readFileSync(join(machine.varLib, 'acme/conf/target'), 'utf8')).toBe(
          'request:\n  provider: https://acme-v01.api.letsencrypt.org/directory\n  key:\n    type: rsa\n    rsa-size: 4096\n',
        )
        expect(readdirSync(join(machine.etc, 'acme/hooks')).sort()).toEqual(['haproxy', 'reload', 'route53'])

        expect(await succeed(machine, 'dns01 --batch want my.domain.com', { env })).toBe('')
        expect(live(tutorial, 'my.domain.com').subjectAltName).toBe('DNS:my.domain.com')
        expect(live(tutorial, 'my.domain.com').publicKey.asymmetricKeyDetails?.modulusLength).toBe(4096)

        await succeed(machine, "dns01 --batch want domain.com '*.domain.com'", { env })
        expect(live(tutorial, '*.domain.com').subjectAltName).toBe('DNS:domain.com, DNS:*.domain.com')
        expect(await route53.control()).toMatchObject({ txt: [], batches: 6 })

        const before = snapshot(tutorial)
        expect(await succeed(machine, asCron)).toBe('')
        await succeed(machine, 'dns01 --batch quickstart', { env })
        expect(snapshot(tutorial)).toEqual(before)
      }),
    120_000,
  )

  test(
    'without any hook: its environment alone reaches Route 53',
    () =>
      inTutorial(async tutorial => {
        const { machine, route53, env } = tutorial
        await prepare(tutorial)
        const said = await succeed(machine, 'dns01 --batch quickstart', { env })
        expect(said).toMatch(/^DNS provider +route53$/m)
        expect(said).not.toContain(env.AWS_SECRET_ACCESS_KEY)
        // the lines that it shows for cron, typed as they are
        const lines = said.split('\n').filter(line => /^ {2}(install|printf) /.test(line))
        await succeed(machine, lines.join('\n'), { env })
        expect(statSync(join(machine.etc, 'dns01/env')).mode & 0o777).toBe(0o600)
        await succeed(machine, 'dns01 --batch --no-reconcile want my.domain.com domain.com "*.domain.com"', { env })
        const { SSL_CERT_FILE } = env
        expect(await succeed(machine, asCron.replace('env -i', `env -i SSL_CERT_FILE=${SSL_CERT_FILE}`))).toBe('')
        expect(live(tutorial, 'my.domain.com').subjectAltName).toBe(
          'DNS:my.domain.com, DNS:domain.com, DNS:*.domain.com',
        )
        expect(await route53.control()).toMatchObject({ txt: [], batches: 2 })
      }),
    120_000,
  )
})

describe.skipIf(lacking('pebble', 'netns', 'curl', 'unshare'))('quickstart', () => {
  test('asks plain questions with --stdio', () =>
    inTutorial(async ({ machine, env }) => {
      const stdin = ['1', 'Amazon Route 53 (route53)', '', 'yes', 'yes', '', ''].join('\n')
      const { exit, stdout, stderr } = await machine.sh('dns01 --stdio quickstart', { env, stdin })
      expect(`${exit}\n${stdout}${stderr}`).toMatch(/^0\n/)
      expect(stderr).toMatch(/Which CA\?\n {2}1\) Let's Encrypt\n/)
      expect(stderr).toMatch(/Who serves your DNS\?\n {2}1\) Amazon Route 53 \(route53\) - /)
      expect(stderr).toContain(`terms of service at ${terms} ?`)
      expect(readFileSync(join(machine.varLib, 'acme/conf/dns.yml'), 'utf8')).toMatch(/^provider: route53$/m)
      expect(readFileSync(join(machine.etc, 'cron.d/dns01'), 'utf8')).toMatch(
        / root .*\/node -- .*\/bin\/dns01 --batch reconcile$/m,
      )
      expect(readdirSync(join(machine.varLib, 'acme/accounts'))).toEqual([`${letsEncrypt}%2fdirectory`])
    }))
})

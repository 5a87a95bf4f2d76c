// The pages of docs/tutorials, and the quick start, typed as they are on a machine of their own: each block for sh in its turn, with
// real Apache and nginx; the names, keys and URLs of the page are those of the test's network. What a page says is not run has to say
// why, in a comment before the block.
import { X509Certificate } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { pageText } from '../docs.js'
import { startBind } from './servers/bind.js'
import { buildIfOlder, dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { type NetnsOptions, withNetns } from './servers/netns.js'
import { type Pebble, type PebbleOptions, startPebble } from './servers/pebble.js'
import { resolverAddress, startRoute53 } from './servers/route53.js'

/** A page being followed. */
interface Reader {
  /** The sections with something to type. */
  readonly titles: readonly string[]
  /** Types the blocks of the next section; what they said. @throws when one fails */
  section(title: string): Promise<string>
  /** What lines of sh say. @throws when one fails */
  says(script: string): Promise<string>
  /** What is live for the name. */
  live(name: string): X509Certificate
}

/** Where a page is followed: its network, and what stands in the page for things of that network. */
interface Place {
  readonly network: NetnsOptions
  /** Whom the CA asks: `127.0.0.1:53`. */
  readonly resolver: string
  readonly pebble?: PebbleOptions
  /** Starts the name servers, and says what dns01 and the page get from them. */
  readonly dns: (netns: string, folder: string) => Promise<Surroundings>
}

interface Surroundings {
  readonly env?: Readonly<Record<string, string>>
  readonly words?: Readonly<Record<string, string>>
  stop(): Promise<void>
}

const block = /^(<!-- not run by the test: .* -->\n)?```sh\n([\s\S]*?)^```$/gm

/** Section → its blocks for sh, but for those that are said not to be run. */
const sectionsOf = (page: string): Map<string, string> =>
  new Map(
    pageText(page)
      .split(/^## /m)
      .slice(1)
      .map(text => [
        text.slice(0, text.indexOf('\n')),
        [...text.matchAll(block)].flatMap(([, aside, lines = '']) => (aside ? [] : [lines])).join(''),
      ]),
  )

const follow = (page: string, place: Place, reading: (reader: Reader) => Promise<void>): Promise<void> =>
  withNetns(place.network, async netns => {
    buildIfOlder()
    const machine = makeMachine(netns.name)
    const around = await place.dns(netns.name, machine.folder)
    const pebble = await startPebble({ netns: netns.name, dnsServer: place.resolver, ...place.pebble })
    const words = { ...around.words, 'https://ca.corp.example/acme/acme/directory': pebble.directoryUrl }
    const says = async (script: string): Promise<string> => {
      const typed = Object.entries(words).reduce((text, [word, meant]) => text.replaceAll(word, meant), script)
      const { exit, stdout, stderr } = await machine.sh(`${entering(machine)}\nset -e\n${typed}`, {
        env: { ...around.env, HOME: machine.folder, PATH: `${join(machine.folder, 'bin')}:${process.env.PATH}` },
        timeoutSeconds: 60,
      })
      expect(`${exit}\n${typed}\n${stdout}${stderr}`).toMatch(/^0\n/)
      return stdout + stderr
    }
    try {
      await furnish(machine, pebble, says)
      const sections = sectionsOf(page)
      await reading({
        titles: [...sections].filter(([, lines]) => lines !== '').map(([title]) => title),
        says,
        section: title => {
          const lines = sections.get(title)
          if (!lines) throw new Error(`${page} has no section "${title}" with something to type`)
          sections.delete(title)
          return says(lines)
        },
        live: name => new X509Certificate(readFileSync(join(machine.varLib, 'acme/live', name, 'fullchain'))),
      })
      expect([...sections].filter(([, lines]) => lines !== '').map(([title]) => title)).toEqual([])
    } finally {
      await machine.sh(`${entering(machine)}\napache2ctl stop; service nginx stop`)
      await Promise.all([pebble.stop(), around.stop()])
      machine.remove()
    }
  })

/** Folders of the machine besides /etc and /var/lib: pids and sockets, logs, crontabs, roots that somebody trusts. */
const OWN = { run: '/run', log: '/var/log', cron: '/var/spool/cron', trusted: '/usr/local/share/ca-certificates' }

const entering = ({ folder }: Machine): string =>
  [...Object.entries(OWN).map(([own, path]) => `mount --bind ${folder}/${own} ${path}`), `cd ${folder}`].join('\n')

/** dns01 as it is installed, answering what quickstart asks; the CA's root in corp-root.crt, and trusted. */
async function furnish(machine: Machine, pebble: Pebble, says: Reader['says']): Promise<void> {
  const at = (...path: string[]) => join(machine.folder, ...path)
  for (const path of ['bin', 'run/lock', 'log/apache2', 'log/nginx', 'cron/crontabs', 'trusted'])
    mkdirSync(at(path), { recursive: true })
  for (const name of ['dns01', 'nginx']) mkdirSync(join(machine.varLib, name))
  for (const folder of ['dist', 'hooks'])
    cpSync(join(dirname(dns01Program), '..', folder), join(machine.varLib, 'dns01', folder), { recursive: true })
  writeFileSync(at('answers'), answersOfQuickstart(pebble.directoryUrl))
  writeFileSync(
    at('bin/dns01'),
    `#!/bin/sh\nexec ${process.execPath} /var/lib/dns01/dist/main.js --batch --response-file=${at('answers')} "$@"\n`,
    { mode: 0o755 },
  )
  writeFileSync(at('bin/sendmail'), `#!/bin/sh\ncat >>${at('mails')}\n`, { mode: 0o755 })
  writeFileSync(at('mails'), '', { mode: 0o666 })
  await says(`chmod 711 .. . /var/lib; chmod 666 mails; chgrp crontab /var/spool/cron/crontabs; chmod 1730 /var/spool/cron/crontabs
    curl -s --cacert ${pebble.caFile} ${pebble.managementUrl}/roots/0 >corp-root.crt
    for root in ${pebble.caFile} corp-root.crt; do openssl x509 -in $root >>/etc/ssl/certs/ca-certificates.crt; done
    cp ${pebble.caFile} /usr/local/share/ca-certificates/test-ca.crt
    echo 'SERVICES="apache2 nginx"' >/etc/default/acme-reload
    rm -f /etc/apache2/sites-enabled/* /etc/nginx/sites-enabled/* /etc/nginx/modules-enabled/*`)
}

const answersOfQuickstart = (directoryUrl: string): string => `acmetool-quickstart-choose-server: url
acmetool-quickstart-enter-directory-url: ${directoryUrl}
acmetool-quickstart-install-cronjob: true
acme-enter-email: ""
"acme-agreement:data:text/plain,Do%20what%20thou%20wilt": true
`

const route53Place = (...names: string[]): Place => ({
  network: { resolvers: [resolverAddress], hosts: names.map(name => `127.0.0.1 ${name}\n`).join('') },
  resolver: `${resolverAddress}:53`,
  dns: async (netns, folder) => {
    const route53 = await startRoute53(netns, { zones: [{ name: 'domain.com', id: 'Z1' }], syncSeconds: 1 })
    const { AWS_ACCESS_KEY_ID = '', AWS_SECRET_ACCESS_KEY = '' } = route53.env
    const secret = `AWS_SECRET_ACCESS_KEY=${AWS_SECRET_ACCESS_KEY}`
    const endpoint = Object.entries(route53.env).flatMap(([name, value]) =>
      /KEY/.test(name) ? [] : [`${name}=${value}`],
    )
    const words = {
      'AKIA…': AWS_ACCESS_KEY_ID,
      'AWS_SECRET_ACCESS_KEY=…': [secret, ...endpoint, `DNS01_NOTIFY_SENDMAIL=${folder}/bin/sendmail`].join('\n'),
    }
    return { env: { ...route53.env, DNS01_PROVIDER: 'route53' }, words, stop: route53.stop }
  },
})

const tools = ['pebble', 'netns', 'unshare', 'curl', 'openssl', 'apache2'] as const

describe.skipIf(lacking(...tools))('followed to the letter', () => {
  test('docs/tutorials/apache-on-aws.md: Apache serves each new certificate', { timeout: 120_000 }, () =>
    follow('docs/tutorials/apache-on-aws.md', route53Place('my.domain.com', 'www.my.domain.com'), async reader => {
      await reader.section('1. The right to write TXT records')
      await reader.section('2. Apache')
      await reader.section('3. The certificate')
      const { serialNumber } = reader.live('my.domain.com')
      await reader.section('4. Apache uses it')
      const looks = await reader.section('5. Look')
      expect(looks).toMatch(/^Location: https:\/\/www\.my\.domain\.com\/start/m)
      expect(looks).toMatch(/^HTTP\/1\.1 200/m)
      await reader.section('6. It renews itself')
      expect(reader.live('my.domain.com').serialNumber).not.toBe(serialNumber)
    }),
  )

  test('docs/quick-start-route53.md: nginx with a wildcard certificate', { timeout: 120_000 }, () =>
    follow('docs/quick-start-route53.md', route53Place('my.domain.com'), async reader => {
      for (const title of reader.titles) await reader.section(title)
    }),
  )

  test('docs/tutorials/nginx-own-user.md: the user has no key, and may reload nginx', { timeout: 120_000 }, () =>
    follow('docs/tutorials/nginx-own-user.md', route53Place('my.domain.com'), async reader => {
      for (const title of reader.titles) await reader.section(title)
      expect(await reader.says('ls /var/lib/acme/live/my.domain.com; cat mails; sudo -l -U acme')).toMatch(
        /^account\ncert\nchain\nfullchain\nurl\n[\s\S]*Subject: [\s\S]*service nginx reload/,
      )
    }),
  )

  test('docs/tutorials/keys-and-formats.md: each answer', { timeout: 120_000 }, () =>
    follow('docs/tutorials/keys-and-formats.md', route53Place('my.domain.com'), async reader => {
      for (const title of reader.titles)
        expect(`${title}\n${await reader.section(title)}`).toMatch(answers[title] ?? /^/)
    }),
  )

  test('docs/tutorials/apache-inner-ca.md: a CA of one’s own, BIND, a run every hour', { timeout: 120_000 }, () =>
    follow(
      'docs/tutorials/apache-inner-ca.md',
      {
        network: { hosts: '127.0.0.1 wiki.corp.example\n' },
        resolver: '127.0.0.1:53',
        pebble: { validitySeconds: 86_400 },
        dns: bind,
      },
      async reader => {
        expect(await reader.section('1. Trust the CA')).toMatch(/names|subject/)
        await reader.section('2. A key for BIND')
        await reader.section('3. Which CA')
        await reader.section('4. Try, then ask')
        await reader.section('5. Apache')
        const looks = await reader.section('6. Look')
        expect(looks).toMatch(/^Verification: OK$/m)
        expect(looks).toMatch(/^\d+ \* \* \* \* root /m)
      },
    ),
  )
})

/** What the answers in keys-and-formats.md show, where more is to be said of it than that it ends well. */
const answers: Readonly<Record<string, RegExp>> = {
  'What is in this file?': /names +my\.domain\.com/,
  'Does this key belong to this certificate?': /ok +the private key belongs to certificate 1/,
  'How do I get it as DER, or as PKCS #12 for Windows or Java?': /my\.domain\.com\.der[\s\S]*\.jks[\s\S]*\.p12/,
  'Who may read the key?': /^-rw-r-----.* root ssl-cert /m,
  'Can I use a key of my own?': /ECDSA P-384[\s\S]*used by +certs/,
  "How do I test without a certificate, or without the CA's limits?": /placeholder/,
  'How do I see what is really served?': /DNS:my\.domain\.com/,
}

/** A name server that lets the key `wiki` write one name; wiki.key is its file. */
async function bind(netns: string, folder: string): Promise<Surroundings> {
  const secret = Buffer.alloc(32, 7).toString('base64')
  writeFileSync(join(folder, 'wiki.key'), `key "wiki" {\n\talgorithm hmac-sha256;\n\tsecret "${secret}";\n};\n`)
  const zone = {
    records: 'wiki 60 A 127.0.0.1',
    settings: 'update-policy { grant wiki name _acme-challenge.wiki.corp.example. TXT; };',
  }
  const running = await startBind({
    zones: { '.': {}, 'corp.example': zone }, // the CA looks for CAA records up to the root
    keys: { wiki: { algorithm: 'hmac-sha256', secret } },
    netns,
    addresses: ['127.0.0.1'],
  })
  return { stop: running.stop }
}

import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { readCertificate } from '../../src/x509/certificate.js'
import { startBind } from './servers/bind.js'
import { dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { type PebbleOptions, pebbleLacks, startPebble } from './servers/pebble.js'

/** quickstart by the built program, on a machine of its own: with a real CA and BIND, with cron's own crontab(1). */

const secret = Buffer.from('a secret of thirty-two bytes ...').toString('base64')

interface Intranet {
  readonly machine: Machine
  readonly directoryUrl: string
  readonly env: Readonly<Record<string, string>>
}

/** A network with a CA, and BIND with the zone intranet.test and a key. */
const inIntranet = (work: (intranet: Intranet) => Promise<void>, ca: PebbleOptions = {}): Promise<void> =>
  withNetns({}, async netns => {
    const machine = makeMachine(netns.name)
    const bind = await startBind({
      netns: netns.name,
      recursion: true,
      keys: { 'acme-key': { algorithm: 'hmac-sha256', secret } },
      zones: { test: {}, 'intranet.test': { allowUpdate: ['acme-key'] } },
    })
    const pebble = await startPebble({ dnsServer: '127.0.0.1:53', netns: netns.name, ...ca })
    mkdirSync(join(machine.folder, 'bin'))
    symlinkSync(dns01Program, join(machine.folder, 'bin/dns01'))
    const env = { PATH: `${join(machine.folder, 'bin')}:${process.env.PATH}`, SSL_CERT_FILE: pebble.caFile }
    try {
      await work({ machine, directoryUrl: pebble.directoryUrl, env })
    } finally {
      await Promise.all([pebble.stop(), bind.stop()])
      machine.remove()
    }
  })

/** Pebble's terms of service. */
const terms = 'data:text/plain,Do%20what%20thou%20wilt'

const lines = (...answers: string[]): string => answers.map(answer => `${answer}\n`).join('')

describe.skipIf(lacking('pebble', 'named', 'netns', 'unshare'))('quickstart with an own CA and BIND', () => {
  test(
    'mends each mistake where it is made, and the first certificate needs no other file',
    () =>
      inIntranet(async ({ machine, directoryUrl, env }) => {
        const wrong = Buffer.from('another secret').toString('base64')
        const stdin = lines(
          ...['9', 'url', directoryUrl.replace('/dir', '/dri')], // two mistakes
          ...['another CA, by the URL of its ACME directory', directoryUrl],
          ...['rfc2136', '127.0.0.1', '', 'acme-key', wrong, 'www.intranet.test', 'yes'], // a wrong secret: again
          ...['', '', 'acme-key', secret, 'www.intranet.test'],
          ...['maybe', 'yes'], // cron
          ...['yes', 'ops@example,com', ''], // terms, e-mail
        )
        const quickstart = await machine.sh('dns01 --stdio quickstart', { env, stdin })
        expect(`${quickstart.exit}\n${quickstart.stderr}`).toMatch(/^0\n/)
        expect(quickstart.stderr).toMatch(/"9" is not a number from 1 to 3/)
        expect(quickstart.stderr).toMatch(/answered 404/)
        expect(quickstart.stderr).toMatch(/BADSIG/)
        expect(quickstart.stderr).toMatch(/rfc2136 placed a value at _acme-challenge\.www\.intranet\.test/)
        expect(quickstart.stdout + quickstart.stderr).not.toContain(secret)
        const envFile = join(machine.etc, 'dns01/env')
        expect(statSync(envFile).mode & 0o777).toBe(0o600)
        expect(readFileSync(envFile, 'utf8')).toBe(
          `RFC2136_NAMESERVER='127.0.0.1'\nRFC2136_TSIG_KEY='acme-key'\nRFC2136_TSIG_SECRET='${secret}'\n`,
        )
        const want = await machine.sh('dns01 --batch want www.intranet.test', { env })
        expect(`${want.exit}\n${want.stderr}`).toBe('0\n')
        statSync(join(machine.varLib, 'acme/live/www.intranet.test/fullchain'))
      }),
    120_000,
  )

  const profiles = {
    classic: { description: 'The usual ninety days', validityPeriod: 90 * 86_400 },
    shortlived: { description: 'Six days only', validityPeriod: 6 * 86_400 },
  }
  test.skipIf(pebbleLacks('profiles'))(
    'asks for a profile in the words of the CA, and the certificate is of that profile',
    () =>
      inIntranet(
        async ({ machine, directoryUrl, env }) => {
          const stdin = lines(
            ...['url', directoryUrl, 'shortlived', 'rfc2136', '127.0.0.1', '', 'acme-key', secret, ''],
            ...['yes', 'yes', ''], // cron, terms, e-mail
          )
          const { exit, stderr } = await machine.sh('dns01 --stdio quickstart', { env, stdin })
          expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
          for (const { description } of Object.values(profiles)) expect(stderr).toContain(description)
          expect(readFileSync(join(machine.varLib, 'acme/conf/target'), 'utf8')).toContain('  profile: shortlived\n')
          const want = await machine.sh('dns01 --batch want www.intranet.test', { env })
          expect(`${want.exit}\n${want.stderr}`).toBe('0\n')
          const { notBefore, notAfter } = readCertificate(
            readFileSync(join(machine.varLib, 'acme/live/www.intranet.test/fullchain')),
          )
          expect(Math.round((notAfter.getTime() - notBefore.getTime()) / 86_400_000)).toBe(6)
        },
        { profiles },
      ),
    120_000,
  )

  test(
    'while its question stands another run is not locked out',
    () =>
      inIntranet(async ({ machine, directoryUrl, env }) => {
        const waits = `(printf '%s\\n' url ${directoryUrl}; sleep 5) | dns01 --stdio quickstart & sleep 3
          dns01 --batch --lock-wait 0 reconcile; echo "status $?"`
        const { stdout } = await machine.sh(waits, { env })
        expect(stdout).toContain('status 0\n')
      }),
    60_000,
  )
})

describe.skipIf(lacking('script', 'unshare'))('Ctrl-C at a question', () => {
  test.each([
    ['on a terminal', ''],
    ['with --stdio', '--stdio'],
  ])('%s ends quickstart: no word of TXT records, no stack', async (_, flag) => {
    const { sh, remove } = makeMachine(undefined)
    try {
      const line = `trap : INT; stty cols 100 rows 50; ${process.execPath} -- ${dns01Program} ${flag} quickstart; echo "status $?"`
      const asked = `until grep -q 'Which CA' typescript; do sleep 0.2; done 2>/dev/null; sleep 1`
      const script = `(${asked}; printf '\\003'; sleep 2) | script --flush --quiet --return --command '${line}' typescript`
      const { stdout } = await sh(script)
      expect(stdout).toContain('Which CA?')
      expect(stdout).toContain('SIGINT: stopping\r\n')
      expect(stdout).toContain('status 130')
      expect(stdout).not.toMatch(/TXT| {2}at |bug/)
    } finally {
      remove()
    }
  })
})

describe.skipIf(lacking('pebble', 'named', 'netns', 'unshare', 'crontab', 'setpriv'))('crontab(1)', () => {
  test(
    'what only mentions us does not count; our line comes after the others, once',
    () =>
      inIntranet(async ({ machine, directoryUrl, env }) => {
        const { folder } = machine
        const file = (name: string): string => join(folder, name)
        const theirs =
          '#5 5 * * * acmetool\n1 2 * * * dns01 --batch --state=/srv/other\n0 1 * * * echo dns01 # 100\\%\n'
        writeFileSync(file('theirs'), theirs)
        writeFileSync(file('ca.pem'), readFileSync(env.SSL_CERT_FILE ?? ''))
        const ids = { 'choose-server': 'url', 'enter-directory-url': directoryUrl, 'install-cronjob': true }
        const answers = Object.entries(ids).map(([id, said]) => [`acmetool-quickstart-${id}`, said])
        const responses = { 'acme-enter-email': '', ...Object.fromEntries(answers) }
        writeFileSync(file('responses'), JSON.stringify({ ...responses, [`acme-agreement:${terms}`]: true }))
        const { exit, stdout, stderr } = await machine.sh(
          `chmod 711 ${folder}; mkdir -p spool/crontabs home; chown root:crontab spool/crontabs; chmod 1730 spool/crontabs
          mount --bind spool /var/spool/cron; chown nobody home
          as() { setpriv --reuid=nobody --regid=nogroup --clear-groups env HOME=${file('home')} DNS01_PROVIDER=memory "$@"; }
          as crontab theirs
          as dns01 --batch --state=home/state --hooks=home/hooks --response-file=responses quickstart
          echo ---; as crontab -l
          as dns01 --batch --state=home/state --hooks=home/hooks --response-file=responses quickstart >/dev/null
          echo ---; as crontab -l`,
          { env: { ...env, SSL_CERT_FILE: file('ca.pem') } },
        )
        expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
        const [, first, second] = stdout.split('---\n')
        const hours = '[0-5],\\d+,\\d+,\\d+'
        const call = `${process.execPath} -- ${file('bin/dns01')} --batch --state=${file('home/state')} --hooks=${file('home/hooks')} reconcile`
        expect(first?.startsWith(theirs)).toBe(true)
        expect(first?.slice(theirs.length)).toMatch(new RegExp(`^\\d+ ${hours} \\* \\* \\* ${call}\n$`))
        expect(second).toBe(first)
      }),
    60_000,
  )
})

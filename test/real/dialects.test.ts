import { execFile } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Act, type DialectName, dialects } from '../../providers/exec/dialects.js'
import { parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import { newFolder } from '../folder.js'
import { lacking } from './servers/need.js'
import { type Pebble, startPebble } from './servers/pebble.js'

/** What all tokens and values look like here (RFC 8555 §8.1, §8.4): 32 bytes in base64url. */
const masked = 'M'.repeat(43)
const mask = (text: string): string => text.replace(/(?<![\w-])[\w-]{43}(?![\w-])/g, masked)

interface Call {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** Notes its arguments and the variables that certbot sets, a call a line, and agrees to every DNS challenge. */
const recorder = `#!/bin/sh
line=$(for word; do printf '%s\\t' "$word"; done; env | grep '^CERTBOT_' | sort | tr '\\n' '\\t'; echo .)
printf '%s\\n' "$line" >>"$RECORDED" # at once: acmetool makes several calls at the same time
case $1 in live-updated | challenge-http-*) exit 42 ;; auth) echo "output of auth" ;; esac
exit 0
`

const record = (host: string, wildcard: boolean): TxtRecord => ({
  name: parseName(`_acme-challenge.${host}`),
  value: masked,
  zone: parseName('example.test'),
  ttlSeconds: 60,
  challenge: {
    host: parseName(host),
    wildcard,
    token: masked,
    keyAuthorization: `${masked}.${masked}`,
    targetFile: 'a.example.test',
    env: {},
  },
})
const all = [record('a.example.test', false), record('a.example.test', true)]

/** The same, as we would call a hook for these two records. */
function ours(name: DialectName, hook: string, action: Act['action']): Call[] {
  const program = { line: `${hook} auth`, words: [hook], cleanupLine: `${hook} cleanup` }
  return all.map((one, i) => {
    const act = { action, records: [one], remaining: all.length - 1 - i, all, output: 'output of auth\n' }
    const { argv, env } = dialects[name].invoke(program, act, {}) ?? { argv: [], env: {} }
    const words = name === 'certbot' ? (argv[2] ?? '').split(' ').slice(1) : argv.slice(1)
    // CERTBOT_*IDENTIFIER* are of certbot 5; Debian's is older.
    const known = Object.entries(env).filter(([variable]) => !variable.includes('IDENTIFIER'))
    return { argv: words, env: Object.fromEntries(known) }
  })
}

describe.skipIf(lacking('pebble', 'lego', 'dehydrated', 'certbot', 'acmetool'))(
  'a hook cannot tell us from the client itself',
  () => {
    const root = newFolder('dialects')
    let pebble: Pebble
    beforeAll(async () => {
      pebble = await startPebble({ alwaysValid: true, nonceReject: 0, authzReuse: 0 })
    })
    afterAll(async () => {
      await pebble?.stop()
    })

    /** A folder for one client, with the recorder as hook. */
    function prepare() {
      const folder = mkdtempSync(join(root, 'client-'))
      const hooks = join(folder, 'hooks')
      mkdirSync(hooks)
      const hook = join(hooks, 'recorder')
      writeFileSync(hook, recorder)
      chmodSync(hook, 0o755)
      return { folder, hooks, hook }
    }

    /** Runs the client, and gives the calls of its hook that begin with one of these words. */
    async function callsOf(
      folder: string,
      argv: readonly string[],
      env: object,
      words: readonly string[],
    ): Promise<Call[]> {
      const RECORDED = join(folder, 'recorded')
      const [program = '', ...args] = argv
      await promisify(execFile)(program, args, {
        cwd: folder,
        env: { PATH: process.env.PATH, HOME: folder, RECORDED, ...env },
        timeout: 60_000,
      })
      const lines = readFileSync(RECORDED, 'utf8').split('\n').slice(0, -1)
      const calls = lines
        .map(line => mask(line).split('\t').slice(0, -1))
        .map(fields => ({
          argv: fields.filter(field => !field.startsWith('CERTBOT_')),
          env: Object.fromEntries(
            fields.filter(field => field.startsWith('CERTBOT_')).map(field => field.split(/=(.*)/s, 2)),
          ),
        }))
      return calls.filter(({ argv: [word = ''] }) => words.includes(word))
    }

    const names = ['a.example.test', '*.a.example.test']
    const withD = names.flatMap(name => ['-d', name])

    test.concurrent.each([
      ['lego', 'DEFAULT'],
      ['lego-raw', 'RAW'],
    ] as const)('%s: one name after the other', { timeout: 60_000 }, async (dialect, mode) => {
      const { folder, hook } = prepare()
      const args = [
        'lego',
        '--server',
        pebble.directoryUrl,
        '--email',
        'a@example.test',
        '--accept-tos',
        '--path',
        folder,
      ]
      const calls = await callsOf(
        folder,
        [...args, '--dns', 'exec', '--dns.disable-cp', ...withD, 'run'],
        {
          LEGO_CA_CERTIFICATES: pebble.caFile,
          LEGO_DISABLE_CNAME_SUPPORT: 'true',
          EXEC_PATH: hook,
          EXEC_MODE: mode,
          EXEC_SEQUENCE_INTERVAL: '0',
        },
        ['present', 'cleanup'],
      )
      const [present = [], cleanup = []] = [ours(dialect, hook, 'present'), ours(dialect, hook, 'cleanup')]
      expect(calls).toEqual([present[0], cleanup[0], present[1], cleanup[1]])
    })

    test.concurrent('dehydrated: all are up before the first is validated', { timeout: 60_000 }, async () => {
      const { folder, hook } = prepare()
      writeFileSync(join(folder, 'domains.txt'), `${names.join(' ')}\n`)
      const config = { CA: pebble.directoryUrl, CHALLENGETYPE: 'dns-01', HOOK: hook, BASEDIR: folder }
      const lines = Object.entries({ ...config, CURL_OPTS: `"--cacert ${pebble.caFile}"` }).map(pair => pair.join('='))
      writeFileSync(join(folder, 'config'), `${lines.join('\n')}\n`)
      const both = 'dehydrated -f config --register --accept-terms && dehydrated -f config -c'
      const calls = await callsOf(folder, ['sh', '-c', both], {}, ['deploy_challenge', 'clean_challenge'])
      expect(calls).toEqual([...ours('dehydrated', hook, 'present'), ...ours('dehydrated', hook, 'cleanup')])
    })

    test.concurrent('certbot: variables, how many remain, what auth said', { timeout: 60_000 }, async () => {
      const { folder, hook } = prepare()
      const quiet = ['certbot', 'certonly', '--non-interactive', '--agree-tos', '--register-unsafely-without-email']
      const hooks = ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', `${hook} auth`]
      const places = ['--config-dir', '--work-dir', '--logs-dir'].flatMap(flag => [flag, join(folder, 'certbot')])
      const calls = await callsOf(
        folder,
        [
          ...quiet,
          ...hooks,
          '--manual-cleanup-hook',
          `${hook} cleanup`,
          '--server',
          pebble.directoryUrl,
          ...places,
          ...withD,
        ],
        { REQUESTS_CA_BUNDLE: pebble.caFile },
        ['auth', 'cleanup'],
      )
      expect(calls).toEqual([...ours('certbot', hook, 'present'), ...ours('certbot', hook, 'cleanup')])
    })

    test.concurrent('acmetool: host, target file, value and an empty argument', { timeout: 60_000 }, async () => {
      const { folder, hook, hooks } = prepare()
      const state = join(folder, 'state')
      for (const made of ['state', 'state/conf', 'state/desired']) mkdirSync(join(folder, made))
      writeFileSync(join(state, 'conf/target'), `request:\n  provider: ${pebble.directoryUrl}\n`)
      writeFileSync(join(state, 'desired/a.example.test'), `satisfy:\n  names: ["${names.join('", "')}"]\n`)
      const consent = `"acme-agreement:${terms}": true\nacme-enter-email: a@example.test\n`
      writeFileSync(join(state, 'conf/responses'), consent)
      const calls = await callsOf(
        folder,
        ['acmetool', '--state', state, '--hooks', hooks, '--batch', 'reconcile'],
        { SSL_CERT_FILE: pebble.caFile },
        ['challenge-dns-start', 'challenge-dns-stop'],
      )
      const sorted = (list: readonly Call[]) => list.map(call => JSON.stringify(call)).sort()
      const expected = [...ours('acmetool', hook, 'present'), ...ours('acmetool', hook, 'cleanup')]
      expect(sorted(calls)).toEqual(sorted(expected))
    })
  },
)

/** Pebble's terms of service. */
const terms = 'data:text/plain,Do%20what%20thou%20wilt'

// Two real CAs, one of which hangs: its process is stopped, so that connections are accepted and nothing is ever answered.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { startPebble } from './servers/pebble.js'

const live = ({ state }: Domain): string[] => readdirSync(join(state, 'live')).filter(name => name !== 'README')

/** A hook that writes down the names it is told; gives all so far. */
function listening({ env, state }: Domain): () => string[] {
  const heard = join(dirname(state), 'heard')
  writeFileSync(heard, '')
  writeFileSync(
    join(`${env.ACME_HOOKS_DIR}`, 'listen'),
    `#!/bin/sh\n[ "$1" = live-updated ] || exit 42\ncat >>'${heard}'\n`,
    {
      mode: 0o755,
    },
  )
  return () => readFileSync(heard, 'utf8').split('\n').slice(0, -1)
}

describe.skipIf(lacking('pebble', 'named', 'dig', 'netns'))('one of two CAs hangs', () => {
  test('the certificate of the other goes live and its hook is told meanwhile; the run waits, and gets both', () =>
    inDomain({}, async domain => {
      const other = await startPebble({ netns: domain.netns, dnsServer: '127.0.0.1:53' })
      try {
        const roots = join(dirname(domain.state), 'roots.pem')
        writeFileSync(roots, [domain.pebble, other].map(({ caFile }) => readFileSync(caFile, 'utf8')).join('\n'))
        const told = listening(domain)
        domain.want('quick.corp.test')
        const hanging = `satisfy: {names: [hanging.corp.test]}\nrequest: {provider: "${other.directoryUrl}"}\n`
        writeFileSync(join(domain.state, 'desired', 'hanging'), hanging)
        process.kill(other.pid, 'SIGSTOP')
        const run = domain.start(['--batch'], { env: { SSL_CERT_FILE: roots } })
        const ended = run.result.then(() => true)
        for (let over = false; told().length === 0 && !over; ) over = (await Promise.race([ended, sleep(100)])) ?? false
        expect({ told: told(), live: live(domain) }).toEqual({ told: ['quick.corp.test'], live: ['quick.corp.test'] })
        expect(await Promise.race([ended, 'still at work'])).toBe('still at work')
        process.kill(other.pid, 'SIGCONT')
        const { exit, stderr } = await run.result
        expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
        expect(live(domain)).toEqual(['hanging.corp.test', 'quick.corp.test'])
        expect(told()).toEqual(['quick.corp.test', 'hanging.corp.test'])
      } finally {
        process.kill(other.pid, 'SIGCONT')
        await other.stop()
      }
    }))
})

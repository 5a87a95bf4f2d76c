// A whole run of the program against each Pebble that is here: records at BIND, a name and its wildcard, renewal, revocation.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { pebbles } from './servers/pebble.js'

describe.skipIf(lacking('named', 'pebble', 'dig', 'netns')).each(pebbles())(
  'a run against $which Pebble',
  ({ systems }) => {
    test(
      'orders, proves ten names and a wildcard at BIND, renews, revokes, and leaves no record',
      { timeout: 120_000 },
      () =>
        inDomain({ pebble: { systems, authzReuse: 0 } }, async ({ start, pebble, signed, state, txt }) => {
          const hosts = Array.from({ length: 9 }, (_, i) => `h${i}.corp.test`)
          const run = (...words: string[]) => start(['--batch', ...words]).result
          const id = () => readFileSync(join(state, 'live/www.corp.test/url'), 'utf8').trim()

          expect(await run('want', 'www.corp.test', '*.www.corp.test', ...hosts)).toMatchObject({ exit: 0, stderr: '' })
          const first = id()
          expect(await run()).toMatchObject({ exit: 0, stdout: '', stderr: '' })
          expect(signed()).toHaveLength(1)
          await setTimeout(1000) // of two certificates of one second neither is the newer one
          expect(await run('reconcile', '--force', 'www.corp.test')).toMatchObject({ exit: 0, stderr: '' })
          expect(id()).not.toBe(first)
          expect(signed()).toHaveLength(2)

          const { stdout } = await run('status', 'www.corp.test', '--json')
          const [{ certificate }] = JSON.parse(stdout).targets
          expect(await run('revoke', certificate)).toMatchObject({ exit: 0 })
          expect(pebble.requests().filter(line => line.includes('revoke'))).toHaveLength(1)
          expect(await run()).toMatchObject({ exit: 0 }) // the first one still serves
          expect(await txt()).toEqual([])
        }),
    )
  },
)

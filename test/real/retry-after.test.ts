import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { pebbleLacks } from './servers/pebble.js'
import { type Lab, startLab } from './servers/state.js'

const names = Array.from({ length: 10 }, (_, i) => `h${i}.corp.example`)

/** A CA that is done in milliseconds and wants to be asked after seconds: RFC 8555 §7.4. */
describe.skipIf(lacking('pebble') || pebbleLacks('Retry-After'))('a real Pebble that sends Retry-After', () => {
  let lab: Lab
  beforeAll(async () => {
    lab = await startLab({ retryAfterSeconds: { authz: 3, order: 5 }, authzReuse: 0, nonceReject: 0 })
  })
  afterAll(() => lab.stop())

  test('is asked for the certificate when it says, and once, for ten names', async () => {
    const before = lab.pebble.requests().length
    const run = await runDns01(['--batch', 'want', ...names], { env: lab.env })
    expect(run).toMatchObject({ exit: 0 })
    const asked = lab.pebble.requests().slice(before)
    const after = asked.slice(asked.findIndex(line => line.includes('/finalize')) + 1)
    expect(after.map(line => line.split('/')[1])).toEqual(['my-order', 'certZ'])
    expect(asked.length, asked.join('\n')).toBeLessThanOrEqual(8 + 2 * 10 + 10) // a nonce for each of ten at once
    process.stderr.write(`ten names, Retry-After 5 s: ${run.seconds.toFixed(2)} s, ${asked.length} requests\n`)
    expect(run.seconds).toBeGreaterThan(4) // as a date it is a second less, at worst
    expect(run.seconds).toBeLessThan(25)
  }, 60_000)
})

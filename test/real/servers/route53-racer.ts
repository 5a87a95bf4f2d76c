import provider from '../../../providers/route53.js'
import { parseName } from '../../../src/core/names.js'
import type { TxtRecord } from '../../../src/core/txt-record.js'
import { realClock } from '../../../src/platform/clock.js'
import { openFetch } from '../../../src/platform/fetch.js'
import { fakeLog } from '../../fakes/log.js'
import { fakeWorld } from '../../fakes/world.js'

/** One of several processes that present and clean up at one name, again and again. Time goes faster for it. */
const faster = 20
const [, , endpoint = '', accessKeyId = '', secret = '', value = '', rounds = ''] = process.argv

const world = fakeWorld({
  clock: {
    ...realClock,
    now: () => new Date(performance.now() * faster),
    sleep: (seconds: number, signal: AbortSignal) => realClock.sleep(seconds / faster, signal),
  },
  fetch: openFetch({ env: {} }),
  random: (bytes: number) => new Uint8Array(bytes).fill(Math.floor(Math.random() * 256)),
  log: { ...fakeLog(), warn: console.error },
})

const keys = { 'access-key-id': accessKeyId, 'secret-access-key': secret, region: 'us-east-1' }
const racer = await provider.open({ ...keys, 'zone-id': 'Z1', endpoint } as never, world)
const zone = parseName('example.test')
const records = [{ name: parseName('_acme-challenge.example.test'), value, zone, ttlSeconds: 60 } as TxtRecord]
const call = { zone, signal: new AbortController().signal, log: world.log }
for (let round = 0; round < Number(rounds); round++) {
  await racer.present(records, call)
  process.stdout.write('up\n')
  await racer.cleanup(records, call)
  await realClock.sleep(Math.random() / 10, call.signal) // else the racers fall into step
}

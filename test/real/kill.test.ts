import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'

const kills = 50
/** Of the time that a run over two targets takes, node's start left out: that is the same each time. Some runs end before. */
const killed = { least: 0.15, most: 1.3 }

describe.skipIf(lacking('pebble', 'named', 'dig', 'netns'))('a real run', () => {
  test(`killed ${kills} times at random moments: one clean run puts all in order`, { timeout: 400_000 }, () =>
    inDomain({ pebble: { authzReuse: 0 } }, async domain => {
      let [count, wanted, recordsLeft, wholeSeconds] = [0, 0, 0, 60]
      while (count < kills) {
        while (live(domain).length + 2 > wanted) domain.want(`h${wanted++}.corp.test`)
        const run = domain.start(['--batch', '-q'])
        const part = killed.least + Math.random() * (killed.most - killed.least)
        await Promise.race([sleep(part * wholeSeconds * 1000), run.result])
        run.kill('SIGKILL')
        const { exit, stderr, seconds } = await run.result
        if (exit === 137) count++
        else {
          expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
          wholeSeconds = seconds
        }
        for (const name of live(domain)) complete(domain, name)
        recordsLeft += (await domain.txt()).length
      }
      const clean = await domain.start(['--batch']).result
      expect(clean.exit).toBe(0)
      expect(clean.stderr.split('\n').filter(line => !/took over the lock|removed \d+ TXT|^$/.test(line))).toEqual([])
      await allIsWell(domain, wanted)
      expect(readFileSync(join(domain.state, '.dns01/history.json'), 'utf8')).toContain('"KILLED"')
      process.stderr.write(
        `kill -9: ${kills} kills, ${wanted} certificates, ${recordsLeft} times a TXT record was left to the next run\n`,
      )
    }),
  )

  test.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('%s while a secondary lags: the record goes, exit %i', (signal, exit) =>
    inDomain(lagging(60), async domain => {
      domain.want('www.corp.test')
      const run = domain.start(['--batch'])
      await untilPlaced(domain)
      run.kill(signal)
      const { stderr, ...ended } = await run.result
      expect(ended.exit).toBe(exit)
      expect(ended.seconds).toBeLessThan(20)
      expect(stderr).toContain(`${signal}: stopping`)
      expect(await domain.txt()).toEqual([])
      expect(leftovers(domain)).toEqual([])
      expect(live(domain)).toEqual([])
    }),
  )

  test('two at once: the second waits, and then has nothing to do; a third does not wait and says who is at work', () =>
    // Long enough for two others to start meanwhile, on a slow machine too.
    inDomain(lagging(8), async domain => {
      domain.want('www.corp.test')
      const first = domain.start(['--batch'])
      await untilPlaced(domain)
      const third = await domain.start(['--batch', '--lock-wait', '0.5']).result
      const second = domain.start(['--batch'])
      expect(third.exit).toBe(5)
      expect(third.stderr).toMatch(new RegExp(`locked by dns01 --batch \\(pid ${first.pid} on .*waited 0.5 s`))
      expect(await first.result).toMatchObject({ exit: 0, stderr: '' })
      const orders = domain.pebble.requests().filter(request => request === 'POST /order-plz').length
      const { exit, stderr } = await second.result
      expect(exit).toBe(0)
      expect(stderr).toMatch(new RegExp(`^\\S* ?.*waiting for dns01 --batch \\(pid ${first.pid} on [^\\n]*\\n$`))
      expect(domain.pebble.requests().filter(request => request === 'POST /order-plz')).toHaveLength(orders)
      await allIsWell(domain, 1)
    }))
})

const lagging = (lagSeconds: number) => ({
  bind: { secondaries: ['127.0.0.2'], lagSeconds },
  pebble: { nonceReject: 0 },
})

async function untilPlaced({ bind }: Domain): Promise<void> {
  const until = performance.now() + 20_000
  while (!bind.updates().some(update => update.includes('adding an RR'))) {
    if (performance.now() > until) throw new Error('no record was placed')
    await sleep(20)
  }
}

const live = ({ state }: Domain): string[] => entries(join(state, 'live'))

function entries(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The link leads to a whole certificate for that name, with its key. */
function complete({ state }: Domain, name: string): void {
  const read = (file: string): string => readFileSync(join(state, 'live', name, file), 'utf8')
  const certificate = new X509Certificate(read('cert'))
  expect(certificate.checkHost(name)).toBe(name)
  expect(read('fullchain')).toBe(read('cert') + read('chain'))
  expect(certificate.checkPrivateKey(createPrivateKey(read('privkey')))).toBe(true)
}

/** All that are wanted are live; what the CA signed is here, once each; nothing of any run is left. */
async function allIsWell(domain: Domain, wanted: number): Promise<void> {
  const desired = readdirSync(join(domain.state, 'desired'))
  expect(live(domain).sort()).toEqual(desired.sort())
  expect(desired).toHaveLength(wanted)
  for (const name of live(domain)) complete(domain, name)
  const held = readdirSync(join(domain.state, 'certs'))
  expect(held).toHaveLength(wanted)
  expect(domain.signed()).toHaveLength(wanted)
  expect(await domain.txt()).toEqual([])
  expect(leftovers(domain)).toEqual([])
}

const kept = ['journal', 'ledger.json', 'renewal-info.json', 'history.json', 'last-run']

const leftovers = ({ state }: Domain): string[] => [
  ...entries(join(state, 'tmp')),
  ...entries(join(state, '.dns01/journal')),
  ...entries(join(state, '.dns01')).filter(name => !kept.includes(name)),
]

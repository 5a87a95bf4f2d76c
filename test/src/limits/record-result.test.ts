import { beforeEach, describe, expect, test } from 'vitest'
import type { Outcome } from '../../../src/renew/outcome.js'
import { problem } from '../../fakes/ca.js'
import { names } from '../../fakes/held.js'
import { type Outside, type OutsideOptions, outside, ROOT, type Run } from '../../fakes/outside.js'

/** Whole runs, one after the other: what one learns, the next obeys. */

const LE = 'https://acme-v02.api.letsencrypt.org'
const minutes = (n: number) => ({ afterSeconds: n * 60 })
const day = 86_400

let machine: Outside
const make = (targets: string[][], more: Partial<OutsideOptions> = {}): void => {
  machine = outside({ targets, zones: ['one.test', 'two.test'], ...more })
}
const partial = (...all: string[]): void =>
  machine.files.put(`${ROOT}/desired/${all[0]}`, `satisfy: {names: [${all}]}\nrequest: {partial: true}\n`)

/** `h0.one.test issued`, `h0.one.test waits UNAVAILABLE until …` */
const told = ({ outcomes, error }: Run): string[] => {
  if (error) throw error
  return (outcomes ?? []).filter(({ result }) => result !== 'linked').map(tell)
}
const tell = ({ subject, result, notLive, error, names: about }: Outcome): string => {
  const until = String((error as Error | undefined)?.message).match(/until 20\d\d-[\dT:-]+Z/)?.[0]
  return [subject, result, notLive && 'and is not live', until, result === 'failed' && about.join(' ')]
    .filter(Boolean)
    .join(' ')
}
const ordersOf = () => machine.ca.orders.map(order => order.names.join(' '))
const failures = (): Record<string, { code: string; times: number; hint?: string }> =>
  JSON.parse(Buffer.from(machine.files.read(`${ROOT}/.dns01/ledger.json`)).toString()).failures
const linked = () => machine.files.tree(`${ROOT}/live`).map(line => line.split(' ')[1])

describe('back-off', () => {
  beforeEach(() => {
    make([['h0.one.test'], ['h1.two.test']])
    machine.ca.manners = { blindFor: ['h0.one.test'] }
  })

  test('what failed is tried again after 1, 10 and 100 minutes, then every 20 hours; the others are not held up', async () => {
    expect(told(await machine.run())).toEqual(['h0.one.test failed h0.one.test', 'h1.two.test issued'])
    // Each minute where something is to come, and now and then between.
    const near = (first: number, last: number): number[] =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i)
    const hourly = near(3, 66).map(hour => hour * 60)
    const tries: number[] = []
    let before = 0
    for (const minute of [...near(1, 12), 30, 60, 90, ...near(108, 113), ...hourly]) {
      const orders = machine.ca.orders.length
      await machine.run(undefined, minutes(minute - before))
      before = minute
      if (machine.ca.orders.length > orders) tries.push(minute)
    }
    expect(tries.slice(0, 3)).toEqual([1, 11, 111])
    const [fourth = 0, fifth = 0, sixth = 0] = tries.slice(3)
    expect([fourth - 111, fifth - fourth, sixth - fifth].every(pause => pause >= 1200 && pause <= 1260)).toBe(true)
  })

  test('a run in which all that is due waits asks nobody and changes nothing', async () => {
    await machine.run()
    const asked = machine.ca.asked.length
    const tree = machine.files.tree(ROOT)
    const run = await machine.run(undefined, { afterSeconds: 30 })
    expect(told(run)).toEqual(['h0.one.test waits and is not live until 2026-01-01T01:01Z'])
    expect(machine.ca.asked.length).toBe(asked)
    expect(machine.files.tree(ROOT)).toEqual(tree)
  })

  test('--force and want try at once; success is forgotten', async () => {
    await machine.run()
    expect(told(await machine.run(undefined, { ...minutes(0), force: names('h0.one.test') }))).toEqual([
      'h0.one.test failed h0.one.test',
    ])
    expect(told(await machine.run(undefined, { ...minutes(0), wanted: names('h0.one.test') }))).toEqual([
      'h0.one.test failed h0.one.test',
    ])
    expect(failures()['ca.test%2fdirectory h0.one.test']).toMatchObject({
      times: 3,
      code: 'REFUSED',
    })
    machine.ca.manners = {}
    expect(told(await machine.run(undefined, { ...minutes(0), wanted: names('h0.one.test') }))).toEqual([
      'h0.one.test issued',
    ])
    expect(machine.files.info(`${ROOT}/.dns01/ledger.json`)).toBeUndefined()
  })

  test('a person who tries while the CA is down does not make the others wait the longer', async () => {
    machine.ca.always('/directory', { status: 503 })
    await machine.run()
    const first = failures()
    for (const afterSeconds of [60, 200, 1000])
      expect(told(await machine.run(undefined, { afterSeconds, wanted: names('h0.one.test') }))).toContainEqual(
        'h0.one.test failed h0.one.test',
      )
    expect(Object.values(first).map(({ times }) => times)).toEqual([1])
    expect(failures()).toEqual(first)
  })

  test('a run that was killed teaches nothing', async () => {
    await machine.run((_, count) => (count === 60 ? 'stop' : undefined))
    machine.files.restart()
    expect(machine.files.info(`${ROOT}/.dns01/ledger.json`)).toBeUndefined()
  })

  test('a certificate that is valid still makes waiting no fault', async () => {
    machine.ca.manners = {}
    await machine.run()
    machine.ca.manners = { blindFor: ['h0.one.test'] }
    expect(told(await machine.run(undefined, { afterSeconds: 61 * day }))).toEqual([
      'h0.one.test failed h0.one.test',
      'h1.two.test issued',
    ])
    expect(told(await machine.run(undefined, { afterSeconds: 1 }))).toEqual([
      expect.stringMatching(/^h0.one.test waits until 2026-03/),
    ])
  })

  test('an order that the CA does not let us see is asked for ever more seldom', async () => {
    machine.ca.manners = { neverSigns: true }
    await machine.run()
    machine.ca.manners = {}
    machine.ca.always('/order/1', problem('unauthorized', 'no', 403))
    machine.ca.always('/order/2', problem('unauthorized', 'no', 403))
    const asks = async (afterSeconds: number) => {
      const before = machine.ca.asked.filter(line => line === 'POST /order/1').length
      await machine.run(undefined, { afterSeconds })
      return machine.ca.asked.filter(line => line === 'POST /order/1').length > before
    }
    expect(await asks(1)).toBe(true)
    expect(await asks(30)).toBe(false)
    expect(await asks(60)).toBe(true)
  }, 30_000)
})

describe('what the CA asks', () => {
  test('Retry-After for some names is remembered for these', async () => {
    make([['h0.one.test'], ['h1.two.test']], { parallel: 1 })
    const limit = { ...problem('rateLimited', 'too many certificates (50) already issued for "one.test"', 429) }
    machine.ca.next('/new-order', { ...limit, headers: { ...limit.headers, 'retry-after': '7200' } })
    expect(told(await machine.run())).toEqual(['h0.one.test failed h0.one.test', 'h1.two.test issued'])
    expect(told(await machine.run())).toEqual(['h0.one.test waits and is not live until 2026-01-01T03:00Z'])
    expect(told(await machine.run(undefined, { ...minutes(1), wanted: names('h0.one.test') }))).toHaveLength(1)
    expect(machine.ca.orders).toHaveLength(1)
    expect(told(await machine.run())).toEqual(['h0.one.test issued'])
  })

  test.each([
    ['/new-order', 'rateLimited', 'too many new orders (300) from this account in the last 3h0m0s', 429],
    ['/new-order', 'serverInternal', 'we are busy', 503],
    ['/new-account', 'rateLimited', 'too many new registrations (10) from this IP address', 429],
    ['/directory', 'serverInternal', 'down', 503],
    ['/new-nonce', 'serverInternal', 'down', 503],
  ])(
    'what concerns the whole CA (%s: %s, %s) holds up all of its targets, in the same run and the next',
    async (path, type, detail, status) => {
      make(
        Array.from({ length: 20 }, (_, i) => [`h${i}.one.test`]),
        { parallel: 2 },
      )
      const answer = problem(type, detail, status)
      machine.ca.always(path, { ...answer, headers: { ...answer.headers, 'retry-after': '7200' } })
      const first = told(await machine.run())
      expect(first.filter(line => line.includes('failed')).length).toBeLessThanOrEqual(2)
      expect(first.filter(line => line.includes('waits and is not live until 2026-01-01T03:0'))).toHaveLength(18)
      const asked = machine.ca.asked.length
      expect(told(await machine.run()).filter(line => line.includes('waits'))).toHaveLength(20)
      expect(machine.ca.asked).toHaveLength(asked)
      expect(Object.values(failures()).map(({ times }) => times)).toEqual([1])
    },
  )

  test('the link that unpauses an account stays with the failure', async () => {
    make([['h0.one.test']])
    const link = 'https://portal.letsencrypt.org/sfe/v1/unpause?jwt=abc'
    machine.ca.next('/new-order', problem('rateLimited', `Your account is paused. Please visit: ${link}`, 429))
    await machine.run()
    expect(Object.values(failures())[0]?.hint).toContain(link)
  })

  test('Let’s Encrypt never sees more than five failed validations of a name in an hour, even when forced', async () => {
    make([['h0.one.test']], { caUrl: LE })
    machine.ca.manners = { blindFor: ['h0.one.test'] }
    const results: string[] = []
    for (let i = 0; i < 8; i++)
      results.push(...told(await machine.run(undefined, { ...minutes(5), force: names('h0.one.test') })))
    expect(machine.ca.orders).toHaveLength(5)
    expect(results.slice(5).every(line => line.includes('waits'))).toBe(true)
    expect(told(await machine.run(undefined, { ...minutes(30), force: names('h0.one.test') }))).toEqual([
      'h0.one.test failed h0.one.test',
    ])
  })

  test('orders are paced over runs', async () => {
    make(
      Array.from({ length: 5 }, (_, i) => [`h${i}.one.test`]),
      { env: { DNS01_ORDERS_PER_3H: '2' } },
    )
    const issued = async () => told(await machine.run()).filter(line => line.endsWith('issued')).length
    expect([await issued(), await issued(), await issued(), await issued(), await issued()]).toEqual([2, 0, 0, 2, 0])
  })
})

describe('request.partial', () => {
  beforeEach(() => make([['h0.one.test']]))

  test('issues for the names that pass and fills in the rest when their time has come, each once', async () => {
    partial('h0.one.test', 'h1.one.test', 'h2.two.test')
    machine.ca.manners = { blindFor: ['h1.one.test'] }
    expect(told(await machine.run())).toEqual(['h0.one.test issued', 'h0.one.test failed h1.one.test'])
    expect(ordersOf()).toEqual(['h0.one.test h1.one.test h2.two.test', 'h0.one.test h2.two.test'])
    expect(linked()).toEqual(['h0.one.test', 'h2.two.test'])
    expect(told(await machine.run(undefined, { afterSeconds: 30 }))).toEqual([
      'h0.one.test waits and is not live until 2026-01-01T01:01Z',
    ])
    expect(told(await machine.run(undefined, minutes(1)))).toEqual(['h0.one.test failed h1.one.test'])
    expect(machine.ca.issued, 'nothing is issued for names that have a certificate').toHaveLength(1)
    machine.ca.manners = {}
    expect(told(await machine.run(undefined, minutes(10)))).toEqual(['h0.one.test issued'])
    expect(linked()).toEqual(['h0.one.test', 'h1.one.test', 'h2.two.test'])
    expect(machine.ca.issued.at(-1)?.names).toEqual(['h0.one.test', 'h1.one.test', 'h2.two.test'])
    expect(machine.files.info(`${ROOT}/.dns01/ledger.json`)).toBeUndefined()
    expect(told(await machine.run())).toEqual([])
    expect(machine.txt()).toEqual([])
  })

  test('a name in no zone is left out before anything is placed for it', async () => {
    partial('h0.one.test', 'h1.nowhere.invalid')
    expect(told(await machine.run())).toEqual(['h0.one.test issued', 'h0.one.test failed h1.nowhere.invalid'])
    expect(machine.ca.issued[0]?.names).toEqual(['h0.one.test'])
  })

  test.each([
    ['1', 'the others wait for a run that may order', ['h0.one.test failed h1.one.test']],
    ['2', 'the others are ordered again', ['h0.one.test issued', 'h0.one.test failed h1.one.test']],
  ])('where the CA takes %s orders, a name fails and %s', async (orders, _, outcomes) => {
    make([['h0.one.test']], { env: { DNS01_ORDERS_PER_3H: orders } })
    partial('h0.one.test', 'h1.one.test')
    machine.ca.manners = { blindFor: ['h1.one.test'] }
    const run = await machine.run()
    expect(told(run)).toEqual(outcomes)
    expect(machine.ca.orders).toHaveLength(Number(orders))
    const failed = run.outcomes?.find(({ result }) => result === 'failed')
    expect(String(failed?.error), 'the limit is not what went wrong').not.toContain('three hours')
  })

  test('names that the CA does not take are left out', async () => {
    partial('h0.one.test', 'h1.one.test')
    const identifier = { type: 'dns', value: 'h1.one.test' }
    const subproblems = [{ type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'blocked', identifier }]
    machine.ca.next('/new-order', problem('rejectedIdentifier', 'some are blocked', 400, { subproblems }))
    expect(told(await machine.run())).toEqual(['h0.one.test issued', 'h0.one.test failed h1.one.test'])
  })

  test('a wildcard stays when the bare name of another fails, and a bare name when its wildcard cannot be told apart', async () => {
    partial('h0.one.test', '"*.h2.two.test"', 'h1.one.test')
    machine.ca.manners = { blindFor: ['h1.one.test'] }
    await machine.run()
    expect(machine.ca.issued[0]?.names).toEqual(['h0.one.test', '*.h2.two.test'])
  })

  test('a renewal goes without a name that waits, whose old certificate serves it to its end', async () => {
    partial('h0.one.test', 'h1.one.test')
    await machine.run()
    machine.ca.manners = { blindFor: ['h1.one.test'] }
    expect(told(await machine.run(undefined, { afterSeconds: 61 * day }))).toEqual([
      'h0.one.test issued',
      'h0.one.test failed h1.one.test',
    ])
    const [first, second] = machine.files.tree(`${ROOT}/live`).map(line => line.split(' ').at(-1))
    expect(first).not.toBe(second)
    expect(told(await machine.run(undefined, { afterSeconds: 1 }))).toEqual([
      expect.stringMatching(/^h0.one.test waits until/),
    ])
  })

  test('without it, the whole certificate waits when one name fails', async () => {
    make([['h0.one.test', 'h1.one.test']])
    machine.ca.manners = { blindFor: ['h1.one.test'] }
    expect(told(await machine.run())).toEqual(['h0.one.test failed h0.one.test h1.one.test'])
    expect(machine.ca.orders).toHaveLength(1)
    expect(linked()).toEqual([])
  })
})

test('a run that cannot write its ledger says so, and what went wrong before', async () => {
  const messagesWhenFull = async (k: number): Promise<string[]> => {
    make([['h0.one.test']])
    machine.ca.manners = { blindFor: ['h0.one.test'] }
    let changes = 0
    const run = await machine.run(step => {
      const refused = machine.ca.asked.some(line => line.startsWith('POST /challenge'))
      return step === 'disk' && refused && changes++ === k ? 'ENOSPC' : undefined
    })
    return (run.outcomes ?? []).map(({ error }) => String((error as Error | undefined)?.message))
  }
  const all: string[][] = []
  for (let k = 0; k < 12; k++) all.push(await messagesWhenFull(k))
  expect(all).toContainEqual([
    expect.stringContaining('h0.one.test'),
    expect.stringMatching(/ledger.json: the disk is full/),
  ])
})

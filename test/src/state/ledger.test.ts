import { beforeEach, describe, expect, test } from 'vitest'
import type { Failure, Ledger } from '../../../src/state/ledger.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { aboutLinear, growth } from '../../fakes/growth.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const FILE = '/s/.dns01/ledger.json'
const start = new Date('2026-01-01T00:00:00Z')

let fake: StateWorld
/** As the next run reads it. */
const open = async (readOnly = false): Promise<Ledger> => (await StateDir.open(fake.world, '/s', { readOnly })).ledger()
const hoursLater = (hours: number): void => {
  fake.time = new Date(start.getTime() + hours * 3_600_000)
}
const failure = (more: Partial<Failure> = {}): Failure => ({
  code: 'REFUSED',
  message: 'no',
  since: fake.time,
  last: fake.time,
  times: 1,
  ...more,
})
const contents = (ledger: Ledger) => ({
  failures: Object.fromEntries(ledger.failures),
  validations: Object.fromEntries(ledger.validations),
  orders: Object.fromEntries(ledger.orders),
})
const empty = { failures: {}, validations: {}, orders: {} }

beforeEach(() => {
  fake = stateWorld()
})

describe('the ledger', () => {
  test('is empty at first, and looking writes nothing', async () => {
    expect(contents(await open())).toEqual(empty)
    await (await open()).succeeded('never failed')
    await (await open()).validationFailed()
    await (await open()).setDamagedAside()
    expect(fake.files.changes).toBe(0)
  })

  test('is what the next run finds, readable by nobody else', async () => {
    const ledger = await open()
    const full = failure({ hint: 'do this', notBefore: new Date('2026-01-02T00:00:00Z'), times: 3 })
    await ledger.failed('ca a', full)
    await ledger.validationFailed('ca a', 'ca b')
    await ledger.validationFailed('ca a')
    await ledger.ordered('ca')
    expect(contents(await open())).toEqual({
      failures: { 'ca a': full },
      validations: { 'ca a': [start, start], 'ca b': [start] },
      orders: { ca: [start] },
    })
    expect(fake.files.info(FILE)?.mode).toBe(0o600)
  })

  test('knows what was told already, until it is over', async () => {
    expect([await (await open()).isNews('a'), await (await open()).isNews('a')]).toEqual([true, false])
    const { changes } = fake.files
    await (await open()).isOver('b')
    expect(fake.files.changes).toBe(changes)
    await (await open()).isOver('a')
    expect(await (await open()).isNews('a')).toBe(true)
  })

  test('knows until when records were good when they were seen last, though that lies ahead, and forgets what is long over', async () => {
    const day = 86_400_000
    const inDays = (days: number): Date => new Date(fake.time.getTime() + days * day)
    const ends = async (): Promise<object> => Object.fromEntries((await open()).recordEnds)
    await (await open()).recordsSeen([
      ['a', inDays(400)],
      ['b', inDays(-31)],
      ['c', undefined],
    ])
    expect(await ends()).toEqual({ a: inDays(400) })
    const { changes } = fake.files
    await (await open()).recordsSeen([
      ['a', inDays(400)],
      ['x', undefined],
    ])
    expect(fake.files.changes, 'nothing new is not written').toBe(changes)
    await (await open()).recordsSeen([['a', undefined]])
    expect(await ends()).toEqual({})
  })

  test('keeps how long a CA took, with the next change, or by itself where it matters', async () => {
    const paces = async (): Promise<object> => Object.fromEntries((await open()).paces)
    const ledger = await open()
    ledger.took('ca signing 0', 0.02)
    await ledger.succeeded('x')
    expect(fake.files.changes, 'a CA nearby needs no memory').toBe(0)
    ledger.took('ca signing 0', 2)
    ledger.took('ca validating 0', 0.5)
    await ledger.succeeded('x')
    expect(await paces()).toEqual({ 'ca signing 0': 2 })
    const before = fake.files.changes
    ledger.took('ca signing 0', 1.9)
    await ledger.succeeded('x')
    expect(fake.files.changes, 'it has hardly changed').toBe(before)
    await ledger.ordered('ca')
    expect(await paces()).toEqual({ 'ca signing 0': 1.9 })
    ledger.took('ca signing 0', 0.1)
    await ledger.succeeded('x')
    expect(await paces()).toEqual({})
  })

  test.each(['soon', -1, 1e9])('does not believe that a CA takes %j seconds', async seconds => {
    await (await open()).ordered('ca')
    const kept = JSON.parse(Buffer.from(fake.files.read(FILE)).toString())
    fake.files.put(FILE, JSON.stringify({ ...kept, paces: { 'ca signing 0': seconds } }))
    const ledger = await open()
    expect([ledger.paces.size, ledger.orders.size]).toEqual([0, 1])
  })

  test('forgets what succeeded, and is gone when nothing is left', async () => {
    await (await open()).failed('a', failure())
    await (await open()).failed('b', failure())
    await (await open()).succeeded('a', 'c')
    expect([...(await open()).failures.keys()]).toEqual(['b'])
    await (await open()).succeeded('b')
    expect(fake.files.info(FILE)).toBeUndefined()
  })

  test('forgets with time', async () => {
    const ledger = await open()
    await ledger.failed('old', failure())
    await ledger.validationFailed('a')
    await ledger.ordered('ca')
    hoursLater(0.9)
    await ledger.validationFailed('a')
    hoursLater(1)
    expect((await open()).validations.get('a')).toHaveLength(1)
    hoursLater(3)
    expect((await open()).orders.size).toBe(0)
    hoursLater(30 * 24)
    expect((await open()).failures.size).toBe(1)
    hoursLater(30 * 24 + 1)
    expect((await open()).failures.size).toBe(0)
  })

  test('does not believe what is said to be in the future: somebody had set the clock wrong', async () => {
    hoursLater(1000)
    const ledger = await open()
    await ledger.failed('a', failure())
    await ledger.validationFailed('a')
    await ledger.ordered('ca')
    hoursLater(0)
    expect(contents(await open())).toEqual(empty)
  })

  test('keeps texts short', async () => {
    await (await open()).failed('a', failure({ message: 'x'.repeat(100_000), hint: 'y'.repeat(100_000) }))
    expect(fake.files.info(FILE)?.sizeBytes).toBeLessThan(5000)
  })

  test('shares writes: what changes during one goes into the next', async () => {
    const ledger = await open()
    await ledger.failed('first', failure())
    const before = fake.files.changes
    await ledger.failed('one', failure())
    const each = fake.files.changes - before
    await Promise.all(Array.from({ length: 100 }, (_, i) => ledger.failed(`name ${i}`, failure())))
    expect(fake.files.changes - before - each).toBeLessThanOrEqual(2 * each)
    expect((await open()).failures.size).toBe(102)
  })

  test('tells every caller whose change is not on disk, and writes it with the next', async () => {
    const ledger = await open()
    await ledger.failed('a', failure())
    fake.files.options = { now: () => fake.time, fail: () => 'ENOSPC' }
    await expect(Promise.all([ledger.failed('b', failure()), ledger.ordered('ca')])).rejects.toMatchObject({
      code: 'STATE',
    })
    fake.files.options = { now: () => fake.time }
    await ledger.ordered('ca')
    expect([...(await open()).failures.keys()]).toEqual(['a', 'b'])
  })
})

describe('a damaged ledger', () => {
  const at = '2026-01-01T00:00:00Z'
  test.each([
    ['nothing', ''],
    ['half of it', '{"failures":{'],
    ['something else', '[]'],
    ['a part missing', '{"failures":{},"orders":{}}'],
    ['a date that is none', '{"failures":{},"orders":{"ca":["yesterday"]},"validations":{}}'],
    [
      'a number that cannot be',
      JSON.stringify({ ...empty, failures: { a: { code: 'x', message: '', since: at, last: at, times: 0 } } }),
    ],
  ])('(%s) counts as empty, with a warning, and is set aside once', async (_, text) => {
    fake.files.put(FILE, text)
    expect(contents(await open(true))).toEqual(empty)
    expect(fake.said).toEqual([expect.stringMatching(/^warn: \/s\/.dns01\/ledger.json is damaged/)])
    await (await open()).setDamagedAside()
    expect(Buffer.from(fake.files.read('/s/.dns01/set-aside/ledger.json')).toString()).toBe(text)
    expect(fake.files.info(FILE)).toBeUndefined()
    fake.said.length = 0
    await (await open()).setDamagedAside()
    expect(fake.said).toEqual([])
  })

  test('is set aside before the next one is written, beside an older one', async () => {
    fake.files.put('/s/.dns01/set-aside/ledger.json', 'older')
    fake.files.put(FILE, 'bad')
    const ledger = await open()
    await ledger.failed('a', failure())
    await ledger.setDamagedAside()
    expect(Buffer.from(fake.files.read('/s/.dns01/set-aside/ledger.json.1')).toString()).toBe('bad')
    expect((await open()).failures.size).toBe(1)
  })
})

test('ten times as many failures are read in about ten times as long', async () => {
  const worlds = new Map<number, StateWorld>()
  for (const size of [1000, 10_000]) {
    fake = stateWorld()
    worlds.set(size, fake)
    const ledger = await open()
    const told = failure({ message: 'the CA refused (dns): no TXT record', hint: 'probe' })
    const files = Array.from({ length: size }, (_, i) => `acme.example%2fdirectory host${i}.corp.example`)
    await Promise.all(files.map(file => ledger.failed(file, told)))
  }
  const read = async (size: number): Promise<void> => {
    const state = await StateDir.open((worlds.get(size) as StateWorld).world, '/s')
    expect(state.ledger().failures.size).toBe(size)
  }
  expect(await growth(read)).toBeLessThan(aboutLinear)
})

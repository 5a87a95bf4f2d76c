import { beforeEach, describe, expect, test } from 'vitest'
import { type History, lastSuccess, type RunRecord, withRun } from '../../../src/state/history.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const FILE = '/s/.dns01/history.json'
const LAST_RUN = '/s/.dns01/last-run'
const start = new Date('2026-01-01T00:00:00Z')
const hoursLater = (hours: number): Date => new Date(start.getTime() + hours * 3_600_000)

let fake: StateWorld
/** As the next run reads it. */
const open = async (readOnly = false): Promise<History> =>
  (await StateDir.open(fake.world, '/s', { readOnly })).history()
const counts = { issued: 0, revoked: 0, linked: 0, failed: 0, waiting: 0, dnsChanges: 0 }
const run = (more: Partial<RunRecord> = {}): RunRecord => ({
  started: start,
  ended: start,
  seconds: 1.5,
  times: 1,
  command: 'dns01 reconcile',
  exit: 0,
  issued: ['a.test'],
  failures: [],
  counts: { ...counts, issued: 1 },
  orders: { 'ca.test/dir': 1 },
  ...more,
})
const failing = (more: Partial<RunRecord> = {}): RunRecord =>
  run({
    exit: 6,
    issued: [],
    failures: [{ subject: 'b.test', code: 'REFUSED', message: 'no' }],
    counts: { ...counts, failed: 1, dnsChanges: 2 },
    ...more,
  })

beforeEach(() => {
  fake = stateWorld()
  fake.time = start
})

describe('the history', () => {
  test('is empty at first, and looking writes nothing', async () => {
    expect(await open()).toMatchObject({ runs: [], lastQuiet: undefined })
    expect(fake.files.changes).toBe(0)
  })

  test('is what the next run finds, for its owner alone', async () => {
    await (await open()).add(run())
    await (await open()).add(failing())
    expect((await open(true)).runs).toEqual([run(), failing()])
    expect(fake.files.info(FILE)?.mode).toBe(0o600)
  })

  test.each([
    ['not JSON', '{"runs":['],
    ['of another form', '{"runs":[{"started":"yesterday"}]}'],
  ])('that is %s counts as empty with a warning, and is set aside with the next write', async (_, text) => {
    fake.files.put(FILE, text)
    expect((await open(true)).runs).toEqual([])
    expect(fake.said).toEqual([expect.stringMatching(/^warn: \/s\/.dns01\/history.json is damaged/)])
    await (await open()).add(run())
    expect((await open()).runs).toEqual([run()])
    expect(fake.files.text('/s/.dns01/set-aside/history.json')).toBe(text)
  })

  test('a FIFO in its place stops no run', async () => {
    await (await open()).add(run())
    fake.files.putOther(FILE)
    expect((await open(true)).runs).toEqual([])
    await (await open()).add(run())
    expect((await open()).runs).toEqual([run()])
  })

  test('keeps no secret and no long text', async () => {
    const masked = (text: string): string => text.replaceAll('s3cret-token', '***')
    const world = { ...fake.world, log: { ...fake.world.log, masked } }
    const history = await (await StateDir.open(world, '/s')).history()
    const failures = Array.from({ length: 50 }, () => ({
      subject: 'b.test',
      code: 'REFUSED',
      message: `s3cret-token ${'x'.repeat(5000)}`,
    }))
    await history.add(failing({ command: 'dns01 want s3cret-token', failures, issued: Array(99).fill('a.test') }))
    const [one] = (await open()).runs
    expect(one?.failures).toHaveLength(20)
    expect(one?.issued).toHaveLength(20)
    expect(one?.failures[0]?.message).toMatch(/^\*\*\* x{296}… \(4704 more characters\)$/)
    expect(fake.files.text(FILE)).not.toContain('s3cret')
  })

  test('that is of the time to come is not shown, and not lost while the clock is wrong', async () => {
    fake.time = hoursLater(48)
    await (await open()).add(run({ started: fake.time, ended: fake.time }))
    fake.time = start
    expect((await open()).runs).toEqual([])
    await (await open()).add(run({ started: start }))
    fake.time = hoursLater(49)
    expect((await open()).runs).toHaveLength(2)
  })
})

describe('what is kept', () => {
  const at = (hours: number, more: Partial<RunRecord> = {}): RunRecord =>
    run({ started: hoursLater(hours), ended: hoursLater(hours), ...more })
  const keptOf = (runs: readonly RunRecord[]): RunRecord[] =>
    runs.reduce<RunRecord[]>((kept, one) => withRun(kept, one, one.ended ?? one.started), [])

  test('are the last 200 runs', () => {
    const kept = keptOf(Array.from({ length: 250 }, (_, i) => at(i)))
    expect(kept).toHaveLength(200)
    expect(kept[0]?.started).toEqual(hoursLater(50))
  })

  test('are those of 400 days', () => {
    expect(keptOf([at(0), at(24 * 399), at(24 * 401)])).toHaveLength(2)
  })

  test('are 256 KiB, however much each run says', () => {
    const failures = (i: number) =>
      Array.from({ length: 20 }, () => ({ subject: `h${i}.test`, code: 'REFUSED', message: 'x'.repeat(300) }))
    const kept = keptOf(
      Array.from({ length: 100 }, (_, i) => failing({ started: hoursLater(i), failures: failures(i) })),
    )
    expect(JSON.stringify(kept).length).toBeLessThan(256 * 1024)
    expect(kept.length).toBeGreaterThan(30)
    expect(kept.at(-1)?.started).toEqual(hoursLater(99))
  })

  test('is one record of runs in a row that say the same, with what was said last', () => {
    const kept = keptOf([
      failing({ started: hoursLater(0), ended: hoursLater(0) }),
      failing({
        started: hoursLater(1),
        ended: hoursLater(1),
        seconds: 9,
        failures: [{ subject: 'b.test', code: 'REFUSED', message: 'no, again' }],
      }),
    ])
    expect(kept).toEqual([
      failing({
        started: hoursLater(0),
        ended: hoursLater(1),
        seconds: 9,
        times: 2,
        orders: { 'ca.test/dir': 2 },
        failures: [{ subject: 'b.test', code: 'REFUSED', message: 'no, again' }],
        counts: { ...counts, failed: 1, dnsChanges: 4 },
      }),
    ])
  })

  test.each([
    ['another exit status', failing({ exit: 7 })],
    ['another command', failing({ command: 'dns01 want b.test' })],
    ['another failure', failing({ failures: [{ subject: 'c.test', code: 'REFUSED', message: 'no' }] })],
    ['a certificate that came', failing({ counts: { ...counts, failed: 1, issued: 1 } })],
  ])('is a record of its own: %s', (_, other) => {
    expect(keptOf([failing(), other])).toHaveLength(2)
  })

  test('is a record of each run that did something', () => {
    expect(keptOf([at(0), at(1)])).toHaveLength(2)
  })
})

describe('the last quiet run', () => {
  test.each([
    [
      'as its lock says',
      JSON.stringify({ since: '2025-12-31T23:00:00.000Z', pid: 1 }),
      new Date('2025-12-31T23:00:00Z'),
    ],
    ['not one of the time to come', JSON.stringify({ since: '2026-01-01T00:00:01.000Z' }), undefined],
    ['not one that is damaged', '{"since":', undefined],
    ['not one without a time', '{"since":"soon"}', undefined],
  ])('%s', async (_, text, expected) => {
    fake.files.put(LAST_RUN, text)
    expect((await open(true)).lastQuiet).toEqual(expected)
    expect(fake.said).toEqual([])
  })

  test.each([
    ['nothing ever ran', {}, undefined],
    ['a quiet run', { lastQuiet: hoursLater(1) }, hoursLater(1)],
    ['a run that did something', { runs: [run({ ended: hoursLater(2) })] }, hoursLater(2)],
    ['the later of the two', { runs: [run({ ended: hoursLater(2) })], lastQuiet: hoursLater(3) }, hoursLater(3)],
    ['whichever it is', { runs: [run({ ended: hoursLater(4) })], lastQuiet: hoursLater(3) }, hoursLater(4)],
    ['no failure', { runs: [run({ ended: hoursLater(2) }), failing({ ended: hoursLater(5) })] }, hoursLater(2)],
    ['no run that was killed', { runs: [run({ ended: undefined, exit: undefined })] }, undefined],
  ])('or one that did something is the last success: %s', (_, { runs = [], lastQuiet }: Partial<History>, expected) => {
    expect(lastSuccess({ runs, lastQuiet })).toEqual(expected)
  })
})

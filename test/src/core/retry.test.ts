import { describe, expect, test } from 'vitest'
import { Dns01Error, unwritten } from '../../../src/core/errors.js'
import { longestRetryAfterSeconds, retry } from '../../../src/core/retry.js'
import type { Log } from '../../../src/core/world.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { fakeClock } from '../../fakes/clock.js'

/** A clock that only sleeping moves; random bytes are 128, which makes every pause as long as its nominal one. */
function sleepyWorld() {
  let nowMs = 0
  const slept: number[] = []
  const world = {
    clock: {
      now: () => new Date(nowMs),
      sleep: async (seconds: number, signal: AbortSignal) => {
        signal.throwIfAborted()
        slept.push(seconds)
        nowMs += seconds * 1000
      },
      deadline: () => new AbortController().signal,
    },
    random: () => new Uint8Array([128]),
    log: listeningLog([]),
  }
  return { world, slept }
}

const later = (retryAfterSeconds?: number) => new Dns01Error('UNAVAILABLE', 'busy', { retryAfterSeconds })
const signal = new AbortController().signal
const limits = { what: 'it', giveUpAfterSeconds: 10, signal }

describe('retry', () => {
  test('tries again what is temporary, with pauses that double', async () => {
    const { world, slept } = sleepyWorld()
    let tries = 0
    const result = await retry(world, limits, async () => {
      if (++tries < 4) throw later()
      return tries
    })
    expect(result).toBe(4)
    expect(slept).toEqual([0.5, 1, 2])
  })

  test('throws the last error itself once the time is up', async () => {
    const { world } = sleepyWorld()
    const errors: Dns01Error[] = []
    const failing = retry(world, limits, async () => {
      errors.push(later())
      throw errors.at(-1)
    })
    await expect(failing).rejects.toSatisfy(error => error === errors.at(-1))
    expect(errors.length).toBeGreaterThan(2)
  })

  test.each([
    ['longer than the time left', 11],
    ['longer than we ever wait', longestRetryAfterSeconds + 1],
  ])('a Retry-After %s is left to the next run', async (_, seconds) => {
    const { world, slept } = sleepyWorld()
    const error = later(seconds)
    await expect(retry(world, limits, () => Promise.reject(error))).rejects.toBe(error)
    expect(slept).toEqual([])
  })

  test('obeys a shorter Retry-After', async () => {
    const { world, slept } = sleepyWorld()
    let tries = 0
    await retry(world, limits, async () => {
      if (++tries === 1) throw later(7)
    })
    expect(slept).toEqual([7])
  })

  test.each([new Dns01Error('REFUSED', 'no'), new TypeError('a bug')])('does not repeat %s', async error => {
    const { world, slept } = sleepyWorld()
    await expect(retry(world, limits, () => Promise.reject(error))).rejects.toBe(error)
    expect(slept).toEqual([])
  })

  test('a thrown value that is not an Error comes out at once, as an Error', async () => {
    const { world, slept } = sleepyWorld()
    await expect(retry(world, limits, () => Promise.reject('a text'))).rejects.toEqual(new Error('a text'))
    expect(slept).toEqual([])
  })

  test('pauses grow up to the longest one, each a quarter more or less by chance', async () => {
    const { world, slept } = sleepyWorld()
    const random = [0, 255, 128, 128, 128]
    let tries = 0
    const patient = { ...limits, giveUpAfterSeconds: 1000, firstPauseSeconds: 4, maxPauseSeconds: 10 }
    await retry({ ...world, random: () => new Uint8Array([random[tries - 1] ?? 128]) }, patient, async () => {
      if (++tries < 6) throw later()
    })
    expect(slept[0]).toBe(3)
    expect(slept[1]).toBeCloseTo(8 * 1.25, 1)
    expect(slept.slice(2)).toEqual([10, 10, 10])
  })

  test('stops pausing with the reason of the signal', async () => {
    const stopping = new AbortController()
    const clock = fakeClock()
    const { world } = sleepyWorld()
    let tries = 0
    const trying = retry({ ...world, clock }, { ...limits, signal: stopping.signal }, async () => {
      tries++
      queueMicrotask(() => stopping.abort(new Error('Ctrl-C')))
      throw later()
    })
    await expect(trying).rejects.toThrow('Ctrl-C')
    expect([tries, clock.seconds]).toEqual([1, 0])
  })

  test('says what is tried again, why and when', async () => {
    const said: string[] = []
    const { world } = sleepyWorld()
    let tries = 0
    await retry({ ...world, log: listeningLog(said) }, { ...limits, what: 'newOrder' }, async () => {
      if (++tries === 1) throw later()
    })
    expect(said).toEqual(['newOrder: busy; again in 0.5 s'])
  })
})

test('a pause is to be seen while it lasts: what went wrong, and when it is tried again', async () => {
  const { world } = sleepyWorld()
  const steps: (string | undefined)[] = []
  const log: Log = {
    ...world.log,
    step: ({ subject, stage, detail, kind }) =>
      void steps.push(stage === undefined ? stage : `${subject}: ${stage}; ${detail?.()} (${kind})`),
  }
  let tries = 0
  await retry({ ...world, log }, limits, async () => {
    if (++tries === 1) throw later(8)
  })
  expect(steps).toEqual(['it: busy; again in 8 s (pause)', undefined])
})

test('an error that is worth so much ends the tries after that time', async () => {
  const { world, slept } = sleepyWorld()
  const closed = new Dns01Error('UNAVAILABLE', 'closed', { worthSeconds: 5 })
  await expect(retry(world, { ...limits, giveUpAfterSeconds: 120 }, () => Promise.reject(closed))).rejects.toBe(closed)
  expect(slept).toEqual([0.5, 1, 2])
})

const no = unwritten(new Dns01Error('REFUSED', 'no'))
const busy = unwritten(later())
test.each([
  ['one that proves it', [no], true],
  ['only such as prove it', [busy, busy, no], true],
  ['one whose answer was lost, then one that proves it', [later(), no], false],
  ['one whose answer was lost among others', [busy, later(), busy, no], false],
])('nothing was written, says the last word after attempts that failed: %s', async (_, errors, proves) => {
  const { world } = sleepyWorld()
  const left = [...errors]
  const failing = retry(world, limits, () => Promise.reject(left.shift()))
  await expect(failing).rejects.toMatchObject({ message: 'no', nothingWritten: proves })
})

import { describe, expect, test } from 'vitest'
import { Dns01Error, unwritten } from '../../../src/core/errors.js'
import { type Name, parseName } from '../../../src/core/names.js'
import { refused, unavailable } from '../../../src/provider/api.js'
import { ZoneQueue } from '../../../src/publish/zone-queue.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { type FakeClock as Clock, fakeClock } from '../../fakes/clock.js'
import { countingRandom, fakeJournal, fakeProvider, type ProviderTraits, txt } from '../../fakes/provider.js'

const zone: Name = parseName('a.test')
const one = (value: string, targetFile?: string) => txt(`${value}.a.test`, value, 'a.test', targetFile)
/** Several values at one name. */
const same = (value: string) => txt('x.a.test', value, 'a.test', value)

/** A provider whose calls take so many seconds. */
const slow = (seconds: number, traits: ProviderTraits = {}): ((clock: Clock) => ProviderTraits) => {
  return clock => ({
    present: (_, { signal }) => clock.sleep(seconds, signal),
    cleanup: (_, { signal }) => clock.sleep(seconds, signal),
    ...traits,
  })
}

function aQueue(
  traits: ProviderTraits | ((clock: Clock) => ProviderTraits) = {},
  { othersMayCome = (): boolean => false } = {},
) {
  const clock = fakeClock()
  const events: string[] = []
  const said: string[] = []
  const stopping = new AbortController()
  const journal = fakeJournal(events)
  const world = { clock, random: countingRandom(), log: { ...listeningLog(said), debug: () => {} } }
  const by = fakeProvider(events, typeof traits === 'function' ? traits(clock) : traits)
  const leftBehind = (text: string): void => void said.push(text)
  const parts = { world, journal, signal: stopping.signal, othersMayCome, leftBehind, changed: () => {} }
  const queue = clock.along(new ZoneQueue(parts, by, zone))
  return { clock, events, said, stopping, journal, queue, pause: clock.advance }
}

const calls = (events: readonly string[]) => events.filter(event => /^(present|cleanup)/.test(event))

describe('one call for what waits', () => {
  test('everything of the same moment is one present, one journal entry, and one cleanup', async () => {
    const { queue, events } = aQueue()
    const records = [one('v1'), one('v2'), one('v3')]
    await Promise.all(records.map(record => queue.present(record)))
    await Promise.all(records.map(record => queue.cleanup(record)))
    expect(events).toEqual(['note v1 v2 v3', 'present a.test: v1 v2 v3', 'cleanup a.test: v1 v2 v3', 'gone v1 v2 v3'])
  })

  test('what comes while a call is under way is the next call', async () => {
    const { queue, events, pause, clock } = aQueue(slow(10))
    const first = queue.present(one('v1'))
    await pause(1)
    const second = queue.present(one('v2'))
    await pause(1)
    const third = queue.present(one('v3'))
    await first
    expect(clock.seconds).toBeCloseTo(10, 3)
    await Promise.all([second, third])
    expect(clock.seconds).toBeCloseTo(20, 3)
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2 v3'])
  })

  test('a cleanup never runs beside a present of its zone', async () => {
    const { queue, events, pause } = aQueue(slow(10))
    await queue.present(one('v1'))
    const next = queue.present(one('v2'))
    await pause(1)
    await Promise.all([next, queue.cleanup(one('v1'))])
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2', 'cleanup a.test: v1'])
  })

  test('a record that is up already is presented again but noted once', async () => {
    const { queue, events, journal } = aQueue()
    await queue.present(one('v1'))
    await queue.present(one('v1'))
    await queue.cleanup(one('v1'))
    expect(events).toEqual(['note v1', 'present a.test: v1', 'present a.test: v1', 'cleanup a.test: v1', 'gone v1'])
    expect(journal.entries()).toEqual([])
  })

  test('what was never up is not cleaned up', async () => {
    const { queue, events } = aQueue()
    await queue.cleanup(one('v1'))
    expect(events).toEqual([])
  })

  test('the journal entry goes when the last of its records has gone', async () => {
    const { queue, events, journal } = aQueue()
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    await queue.cleanup(one('v2'))
    expect(journal.entries()).toHaveLength(1)
    await queue.cleanup(one('v1'))
    expect(events.slice(2)).toEqual(['cleanup a.test: v2', 'cleanup a.test: v1', 'gone v1 v2'])
  })

  test('the journal says who can take the records away', async () => {
    const { queue, journal } = aQueue({ settings: { server: 'ns1' }, definition: { name: 'rfc2136' } })
    await queue.present(one('v1'))
    expect(journal.entries()).toMatchObject([
      { provider: 'rfc2136', settings: { server: 'ns1' }, zone: 'a.test', records: [{ value: 'v1' }] },
    ])
  })
})

describe('a provider whose changes are dear (batchDelaySeconds)', () => {
  const gathering = (clock: Clock) => slow(5, { definition: { batchDelaySeconds: 2 } })(clock)

  test('a change waits for others that may come, at most so long', async () => {
    const { queue, events, clock, pause } = aQueue(gathering, { othersMayCome: () => true })
    const first = queue.present(one('v1'))
    await pause(1)
    const second = queue.present(one('v2'))
    await Promise.all([first, second])
    expect(calls(events)).toEqual(['present a.test: v1 v2'])
    expect(clock.seconds).toBeCloseTo(7, 2)
  })

  test('nobody waits when nobody is expected', async () => {
    const { queue, clock } = aQueue(gathering)
    await queue.present(one('v1'))
    expect(clock.seconds).toBeCloseTo(5, 2)
  })

  test('goes at once when the last one expected has come or never will', async () => {
    let expected = true
    const { queue, clock, pause } = aQueue(gathering, { othersMayCome: () => expected })
    const first = queue.present(one('v1'))
    await pause(0.5)
    expected = false
    queue.reconsider()
    await first
    expect(clock.seconds).toBeCloseTo(5.5, 2)
  })

  test('a lone value waits to be removed with the others, and then all go together', async () => {
    const { queue, events, clock, pause } = aQueue(gathering)
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    const first = queue.cleanup(one('v1'))
    await pause(3)
    await Promise.all([first, queue.cleanup(one('v2'))])
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1 v2'])
    expect(clock.seconds).toBeCloseTo(13, 1)
  })

  test('waits for more records at most ten times the delay', async () => {
    const { queue, events, clock } = aQueue(gathering)
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    await queue.cleanup(one('v1'))
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1'])
    expect(clock.seconds).toBeCloseTo(5 + 20 + 5, 1)
  })
})

describe('one value a name', () => {
  const single = (clock: Clock) => slow(1, { definition: { oneValuePerName: true } })(clock)

  test('the second value waits until the first is gone; other names go along', async () => {
    const { queue, events } = aQueue(single)
    const [first, second, other] = [queue.present(same('v1')), queue.present(same('v2')), queue.present(one('v3'))]
    await Promise.all([first, other])
    expect(calls(events)).toEqual(['present a.test: v1 v3'])
    await queue.cleanup(same('v1'))
    await second
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1', 'present a.test: v2'])
  })

  test('the opened provider may say so though its definition does not', async () => {
    const { queue, events } = aQueue({ definition: { oneValuePerName: true } })
    await queue.present(same('v1'))
    void queue.present(same('v2'))
    await queue.cleanup(same('v1'))
    expect(calls(events).slice(0, 2)).toEqual(['present a.test: v1', 'cleanup a.test: v1'])
    await queue.close()
  })

  test('close leaves no value behind, and nobody waiting', async () => {
    const { queue, events, journal } = aQueue(single)
    const waiting = [queue.present(same('v1')), queue.present(same('v2'))]
    await waiting[0]
    await queue.close()
    await Promise.allSettled(waiting)
    expect(calls(events).filter(e => e.startsWith('present')).length).toBe(
      calls(events).filter(e => e.startsWith('cleanup')).length,
    )
    expect(journal.entries()).toEqual([])
  })
})

describe('when the provider fails', () => {
  test('a batch of several targets is tried target by target: one wrong name does not hold up the others', async () => {
    const { queue, events } = aQueue({
      present: records => {
        if (records.some(r => r.value === 'bad')) throw refused('bad is not allowed')
      },
    })
    const results = await Promise.allSettled(
      [one('v1', 't1'), one('v2', 't1'), one('bad', 't2'), one('v3', 't3')].map(record => queue.present(record)),
    )
    expect(results.map(r => r.status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect(results[2]).toMatchObject({ reason: { code: 'REFUSED', message: 'bad is not allowed' } })
    expect(calls(events)).toEqual([
      'present a.test: v1 v2 bad v3',
      'present a.test: v1 v2',
      'present a.test: bad',
      'present a.test: v3',
    ])
  })

  test('the values of one target stand or fall together', async () => {
    const { queue, events } = aQueue({
      present: () => {
        throw refused('no')
      },
    })
    const results = await Promise.allSettled([one('v1', 't'), one('v2', 't')].map(record => queue.present(record)))
    expect(results.map(r => r.status)).toEqual(['rejected', 'rejected'])
    expect(calls(events)).toHaveLength(1)
  })

  test('a present that failed is cleaned up all the same: it may have done half of it', async () => {
    const { queue, events, journal } = aQueue({
      present: () => {
        throw refused('no')
      },
    })
    await expect(queue.present(one('v1'))).rejects.toThrow('no')
    expect(journal.entries()).toHaveLength(1)
    await queue.cleanup(one('v1'))
    expect(events).toEqual(['note v1', 'present a.test: v1', 'cleanup a.test: v1', 'gone v1'])
  })

  test('what is temporary is tried again, as one', async () => {
    let tries = 0
    const { queue, events } = aQueue({
      present: () => {
        if (++tries < 3) throw unavailable('busy')
      },
    })
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    expect(calls(events)).toEqual(Array(3).fill('present a.test: v1 v2'))
  })

  test('a provider that is away is given up on once, not target by target', async () => {
    const { queue, clock } = aQueue({
      present: () => {
        throw unavailable('away')
      },
    })
    const results = await Promise.allSettled(['v1', 'v2', 'v3', 'v4'].map(value => queue.present(one(value))))
    expect(results.map(r => r.status === 'rejected' && (r.reason as Dns01Error).code)).toEqual(
      Array(4).fill('UNAVAILABLE'),
    )
    expect(clock.seconds).toBeLessThan(130)
  })

  test('a bug comes out as it is, at once', async () => {
    const { queue, clock } = aQueue({
      present: () => {
        throw new TypeError('undefined is not a function')
      },
    })
    await expect(queue.present(one('v1'))).rejects.toThrow(TypeError)
    expect(clock.seconds).toBe(0)
  })

  test('nothing is presented that could not be noted', async () => {
    const { queue, events, journal } = aQueue()
    journal.note = async () => {
      throw new Dns01Error('STATE', 'disk full')
    }
    await expect(queue.present(one('v1'))).rejects.toThrow('disk full')
    expect(calls(events)).toEqual([])
  })

  test('a cleanup that fails keeps the journal entry, says so, and does not fail the run', async () => {
    const { queue, said, journal } = aQueue({
      cleanup: () => {
        throw refused('no rights to delete')
      },
    })
    await queue.present(one('v1'))
    await queue.cleanup(one('v1'))
    expect(journal.entries()).toHaveLength(1)
    expect(said).toEqual([
      'a.test: 1 TXT record(s) could not be removed: no rights to delete; the next run tries again',
    ])
  })

  test('a cleanup that fails does not stop the next present', async () => {
    const { queue, events } = aQueue({
      cleanup: () => {
        throw refused('no')
      },
    })
    await queue.present(one('v1'))
    await Promise.all([queue.cleanup(one('v1')), queue.present(one('v2'))])
    expect(calls(events).at(-1)).toBe('cleanup a.test: v1')
    await queue.present(one('v3'))
    expect(calls(events).at(-1)).toBe('present a.test: v3')
  })
})

describe('when it is proved that nothing was written', () => {
  const no = () => {
    throw unwritten(refused('BADSIG'))
  }

  test('the journal forgets the records at once, and nobody takes them back', async () => {
    const { queue, events, said, journal } = aQueue({ present: no, cleanup: no })
    await expect(queue.present(one('v1'))).rejects.toThrow('BADSIG')
    expect(journal.entries()).toEqual([])
    await queue.cleanup(one('v1'))
    await queue.close()
    expect([events, said]).toEqual([['note v1', 'present a.test: v1', 'gone v1'], []])
  })

  test('of a batch of several targets only what failed by itself is forgotten', async () => {
    const { queue, events, journal } = aQueue({
      present: records => {
        if (records.some(r => r.value === 'bad')) throw unwritten(refused('bad is not allowed'))
      },
    })
    await Promise.allSettled([one('v1', 't1'), one('bad', 't2')].map(record => queue.present(record)))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1'])
    await queue.close()
    expect(events).toEqual([
      'note v1 bad',
      'present a.test: v1 bad',
      'gone v1 bad',
      'note v1',
      'present a.test: v1',
      'note bad',
      'present a.test: bad',
      'gone bad',
      'cleanup a.test: v1',
      'gone v1',
    ])
  })

  test('what was up before stays noted', async () => {
    let calls = 0
    const { queue, journal, events } = aQueue({ present: () => (++calls > 1 ? no() : undefined) })
    await queue.present(one('v1'))
    await Promise.allSettled([one('v1'), one('v2')].map(record => queue.present(record)))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1'])
    await queue.close()
    expect(events.at(-2)).toBe('cleanup a.test: v1')
  })

  test('a batch that may have been written in part stays noted, though its targets prove more by themselves', async () => {
    let calls = 0
    const { queue, journal } = aQueue({
      present: () => {
        if (++calls === 1) throw refused('after the first of them')
        no()
      },
    })
    await Promise.allSettled([one('v1', 't1'), one('v2', 't2')].map(record => queue.present(record)))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1', 'v2'])
    await queue.close()
    expect(journal.entries()).toEqual([])
  })

  test('nothing is forgotten after an attempt that may have written', async () => {
    let calls = 0
    const { queue, journal } = aQueue({
      present: () => {
        if (++calls === 1) throw unavailable('no answer within 5 s')
        no()
      },
    })
    await expect(queue.present(one('v1'))).rejects.toThrow('BADSIG')
    expect(journal.entries()).toHaveLength(1)
    await queue.close()
  })

  test('the next value of a name need not wait for it', async () => {
    let calls = 0
    const { queue, events } = aQueue({
      definition: { oneValuePerName: true },
      present: () => (++calls === 1 ? no() : undefined),
    })
    await expect(queue.present(same('v1'))).rejects.toThrow('BADSIG')
    await queue.present(same('v2'))
    expect(calls).toBe(2)
    await queue.close()
    expect(events.at(-2)).toBe('cleanup a.test: v2')
  })
})

describe('when the run is stopped', () => {
  test('what waits is not presented any more; what is up is removed', async () => {
    const { queue, events, stopping, pause } = aQueue(slow(10))
    await queue.present(one('v1'))
    const [second, third] = [queue.present(one('v2')), pause(1).then(() => queue.present(one('v3')))]
    await pause(2)
    stopping.abort(new Error('Ctrl-C'))
    await expect(second).rejects.toThrow('Ctrl-C')
    await expect(third).rejects.toThrow('Ctrl-C')
    await expect(queue.present(one('v4'))).rejects.toThrow('Ctrl-C')
    await Promise.all([one('v1'), one('v2'), one('v3')].map(record => queue.cleanup(record)))
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2', 'cleanup a.test: v1 v2'])
  })

  test('the cleanup has a signal of its own', async () => {
    const signals: boolean[] = []
    const { queue, stopping, journal } = aQueue({ cleanup: (_, { signal }) => void signals.push(signal.aborted) })
    await queue.present(one('v1'))
    stopping.abort(new Error('Ctrl-C'))
    await queue.cleanup(one('v1'))
    expect(signals).toEqual([false])
    expect(journal.entries()).toEqual([])
  })

  test('a gathering change does not hold up the end', async () => {
    const { queue, clock, stopping, pause } = aQueue(
      { definition: { batchDelaySeconds: 60 } },
      { othersMayCome: () => true },
    )
    const waiting = queue.present(one('v1'))
    await pause(1)
    stopping.abort(new Error('Ctrl-C'))
    await expect(waiting).rejects.toThrow('Ctrl-C')
    expect(clock.seconds).toBeLessThan(2)
  })
})

/** Comes back only when its signal fires. */
const hangs = (_: unknown, { signal }: { signal: AbortSignal }) =>
  new Promise<void>((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('close', () => {
  test('removes all that is up, in one call', async () => {
    const { queue, events, journal } = aQueue()
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    await queue.close()
    expect(calls(events)).toEqual(['present a.test: v1 v2', 'cleanup a.test: v1 v2'])
    expect(journal.entries()).toEqual([])
  })

  test('waits for nobody who might have come to be removed too', async () => {
    const { queue, clock } = aQueue({ definition: { batchDelaySeconds: 60 } })
    await Promise.all([one('v1'), one('v2')].map(record => queue.present(record)))
    void queue.cleanup(one('v1'))
    await queue.close()
    expect(clock.seconds).toBe(0)
  })

  test('twice, or with nothing up, is nothing', async () => {
    const { queue, events } = aQueue()
    await queue.close()
    await queue.present(one('v1'))
    await queue.close()
    await queue.close()
    expect(calls(events)).toHaveLength(2)
  })

  test('removes what was under way or still waiting when it was called', async () => {
    const { queue, events, pause, journal } = aQueue(slow(10))
    const waiting = [queue.present(one('v1'))]
    await pause(1)
    waiting.push(queue.present(one('v2')))
    await queue.close()
    await Promise.allSettled(waiting)
    expect(events.filter(e => e.startsWith('note')).length).toBe(events.filter(e => e.startsWith('gone')).length)
    expect(journal.entries()).toEqual([])
  })

  test('in the very moment of a present', async () => {
    const { queue, journal } = aQueue()
    const waiting = queue.present(one('v1'))
    await queue.close()
    await waiting.catch(() => {})
    expect(journal.entries()).toEqual([])
  })

  test('ends though the provider does not come back before its signal fires', async () => {
    const { queue, clock, said, stopping, journal } = aQueue({ present: hangs, cleanup: hangs })
    const waiting = queue.present(one('v1'))
    await clock.advance(1)
    stopping.abort(new Error('Ctrl-C'))
    await expect(waiting).rejects.toThrow('Ctrl-C')
    await queue.close()
    expect(clock.seconds).toBeLessThan(120)
    expect(said).toEqual([expect.stringContaining('could not be removed')])
    expect(journal.entries()).toHaveLength(1)
  })
})

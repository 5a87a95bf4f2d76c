import { describe, expect, test } from 'vitest'
import { Dns01Error, unwritten } from '../../../src/core/errors.js'
import { type Name, parseName } from '../../../src/core/names.js'
import { refused, unavailable } from '../../../src/provider/api.js'
import { openZoneQueue } from '../../../src/publish/zone-queue.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { fakeClock } from '../../fakes/clock.js'
import { countingRandom, fakeJournal, fakeProvider, type ProviderWishes, txt } from '../../fakes/provider.js'

const zone: Name = parseName('a.test')
const one = (value: string, targetFile?: string) => txt(`${value}.a.test`, value, 'a.test', targetFile)
/** Several values at one name. */
const same = (value: string) => txt('x.a.test', value, 'a.test', value)

/** A provider whose calls take so many seconds. */
const slow = (seconds: number, wishes: ProviderWishes = {}): ((clock: Clock) => ProviderWishes) => {
  return clock => ({
    present: (_, { signal }) => clock.sleep(seconds, signal),
    cleanup: (_, { signal }) => clock.sleep(seconds, signal),
    ...wishes,
  })
}
type Clock = ReturnType<typeof fakeClock>

function aLine(
  wishes: ProviderWishes | ((clock: Clock) => ProviderWishes) = {},
  { othersMayCome = (): boolean => false } = {},
) {
  const clock = fakeClock()
  const events: string[] = []
  const said: string[] = []
  const stopping = new AbortController()
  const journal = fakeJournal(events)
  const world = { clock, random: countingRandom(), log: { ...listeningLog(said), debug: () => {} } }
  const by = fakeProvider(events, typeof wishes === 'function' ? wishes(clock) : wishes)
  const leftBehind = (text: string): void => void said.push(text)
  const line = openZoneQueue({ world, journal, signal: stopping.signal, othersMayCome, leftBehind }, by, zone)
  const pause = (seconds: number) => clock.sleep(seconds, new AbortController().signal)
  return { clock, events, said, stopping, journal, line, pause }
}

const calls = (events: readonly string[]) => events.filter(event => /^(present|cleanup)/.test(event))

describe('one call for what waits', () => {
  test('everything of the same moment is one present, one journal entry, and one cleanup', async () => {
    const { line, events } = aLine()
    const records = [one('v1'), one('v2'), one('v3')]
    await Promise.all(records.map(line.present))
    await Promise.all(records.map(line.cleanup))
    expect(events).toEqual(['note v1 v2 v3', 'present a.test: v1 v2 v3', 'cleanup a.test: v1 v2 v3', 'gone v1 v2 v3'])
  })

  test('what comes while a call is under way is the next call', async () => {
    const { line, events, pause, clock } = aLine(slow(10))
    const first = line.present(one('v1'))
    await pause(1)
    const second = line.present(one('v2'))
    await pause(1)
    const third = line.present(one('v3'))
    await first
    expect(clock.seconds).toBeCloseTo(10, 3)
    await Promise.all([second, third])
    expect(clock.seconds).toBeCloseTo(20, 3)
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2 v3'])
  })

  test('a cleanup never runs beside a present of its zone', async () => {
    const { line, events, pause } = aLine(slow(10))
    await line.present(one('v1'))
    const next = line.present(one('v2'))
    await pause(1)
    await Promise.all([next, line.cleanup(one('v1'))])
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2', 'cleanup a.test: v1'])
  })

  test('a record that is up already is presented again but noted once', async () => {
    const { line, events, journal } = aLine()
    await line.present(one('v1'))
    await line.present(one('v1'))
    await line.cleanup(one('v1'))
    expect(events).toEqual(['note v1', 'present a.test: v1', 'present a.test: v1', 'cleanup a.test: v1', 'gone v1'])
    expect(journal.entries()).toEqual([])
  })

  test('what was never up is not cleaned up', async () => {
    const { line, events } = aLine()
    await line.cleanup(one('v1'))
    expect(events).toEqual([])
  })

  test('the journal entry goes when the last of its records has gone', async () => {
    const { line, events, journal } = aLine()
    await Promise.all([one('v1'), one('v2')].map(line.present))
    await line.cleanup(one('v2'))
    expect(journal.entries()).toHaveLength(1)
    await line.cleanup(one('v1'))
    expect(events.slice(2)).toEqual(['cleanup a.test: v2', 'cleanup a.test: v1', 'gone v1 v2'])
  })

  test('the journal says who can take the records away', async () => {
    const { line, journal } = aLine({ settings: { server: 'ns1' }, definition: { name: 'rfc2136' } })
    await line.present(one('v1'))
    expect(journal.entries()).toMatchObject([
      { provider: 'rfc2136', settings: { server: 'ns1' }, zone: 'a.test', records: [{ value: 'v1' }] },
    ])
  })
})

describe('a provider whose changes are dear (batchDelaySeconds)', () => {
  const gathering = (clock: Clock) => slow(5, { definition: { batchDelaySeconds: 2 } })(clock)

  test('a change waits for others that may come, at most so long', async () => {
    const { line, events, clock, pause } = aLine(gathering, { othersMayCome: () => true })
    const first = line.present(one('v1'))
    await pause(1)
    const second = line.present(one('v2'))
    await Promise.all([first, second])
    expect(calls(events)).toEqual(['present a.test: v1 v2'])
    expect(clock.seconds).toBeCloseTo(7, 2)
  })

  test('nobody waits when nobody is expected', async () => {
    const { line, clock } = aLine(gathering)
    await line.present(one('v1'))
    expect(clock.seconds).toBeCloseTo(5, 2)
  })

  test('goes at once when the last one expected has come or never will', async () => {
    let expected = true
    const { line, clock, pause } = aLine(gathering, { othersMayCome: () => expected })
    const first = line.present(one('v1'))
    await pause(0.5)
    expected = false
    line.nudge()
    await first
    expect(clock.seconds).toBeCloseTo(5.5, 2)
  })

  test('a lone value waits to be removed with the others, and then all go together', async () => {
    const { line, events, clock, pause } = aLine(gathering)
    await Promise.all([one('v1'), one('v2')].map(line.present))
    const first = line.cleanup(one('v1'))
    await pause(3)
    await Promise.all([first, line.cleanup(one('v2'))])
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1 v2'])
    expect(clock.seconds).toBeCloseTo(13, 1)
  })

  test('but not for ever: ten times as long', async () => {
    const { line, events, clock } = aLine(gathering)
    await Promise.all([one('v1'), one('v2')].map(line.present))
    await line.cleanup(one('v1'))
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1'])
    expect(clock.seconds).toBeCloseTo(5 + 20 + 5, 1)
  })
})

describe('one value a name', () => {
  const single = (clock: Clock) => slow(1, { definition: { oneValuePerName: true } })(clock)

  test('the second value waits until the first is gone; other names go along', async () => {
    const { line, events } = aLine(single)
    const [first, second, other] = [line.present(same('v1')), line.present(same('v2')), line.present(one('v3'))]
    await Promise.all([first, other])
    expect(calls(events)).toEqual(['present a.test: v1 v3'])
    await line.cleanup(same('v1'))
    await second
    expect(calls(events).slice(1)).toEqual(['cleanup a.test: v1', 'present a.test: v2'])
  })

  test('the opened provider may say so though its definition does not', async () => {
    const { line, events } = aLine({ definition: { oneValuePerName: true } })
    await line.present(same('v1'))
    void line.present(same('v2'))
    await line.cleanup(same('v1'))
    expect(calls(events).slice(0, 2)).toEqual(['present a.test: v1', 'cleanup a.test: v1'])
    await line.close()
  })

  test('close lets nothing stand, nor anybody wait', async () => {
    const { line, events, journal } = aLine(single)
    const waiting = [line.present(same('v1')), line.present(same('v2'))]
    await waiting[0]
    await line.close()
    await Promise.allSettled(waiting)
    expect(calls(events).filter(e => e.startsWith('present')).length).toBe(
      calls(events).filter(e => e.startsWith('cleanup')).length,
    )
    expect(journal.entries()).toEqual([])
  })
})

describe('when the provider fails', () => {
  test('a batch of several targets is tried target by target: one wrong name does not hold up the others', async () => {
    const { line, events } = aLine({
      present: records => {
        if (records.some(r => r.value === 'bad')) throw refused('bad is not allowed')
      },
    })
    const results = await Promise.allSettled(
      [one('v1', 't1'), one('v2', 't1'), one('bad', 't2'), one('v3', 't3')].map(line.present),
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
    const { line, events } = aLine({
      present: () => {
        throw refused('no')
      },
    })
    const results = await Promise.allSettled([one('v1', 't'), one('v2', 't')].map(line.present))
    expect(results.map(r => r.status)).toEqual(['rejected', 'rejected'])
    expect(calls(events)).toHaveLength(1)
  })

  test('a present that failed is cleaned up all the same: it may have done half of it', async () => {
    const { line, events, journal } = aLine({
      present: () => {
        throw refused('no')
      },
    })
    await expect(line.present(one('v1'))).rejects.toThrow('no')
    expect(journal.entries()).toHaveLength(1)
    await line.cleanup(one('v1'))
    expect(events).toEqual(['note v1', 'present a.test: v1', 'cleanup a.test: v1', 'gone v1'])
  })

  test('what is temporary is tried again, as one', async () => {
    let tries = 0
    const { line, events } = aLine({
      present: () => {
        if (++tries < 3) throw unavailable('busy')
      },
    })
    await Promise.all([one('v1'), one('v2')].map(line.present))
    expect(calls(events)).toEqual(Array(3).fill('present a.test: v1 v2'))
  })

  test('a provider that is away is given up on once, not target by target', async () => {
    const { line, clock } = aLine({
      present: () => {
        throw unavailable('away')
      },
    })
    const results = await Promise.allSettled(['v1', 'v2', 'v3', 'v4'].map(value => line.present(one(value))))
    expect(results.map(r => r.status === 'rejected' && (r.reason as Dns01Error).code)).toEqual(
      Array(4).fill('UNAVAILABLE'),
    )
    expect(clock.seconds).toBeLessThan(130)
  })

  test('a bug comes out as it is, at once', async () => {
    const { line, clock } = aLine({
      present: () => {
        throw new TypeError('undefined is not a function')
      },
    })
    await expect(line.present(one('v1'))).rejects.toThrow(TypeError)
    expect(clock.seconds).toBe(0)
  })

  test('nothing is presented that could not be noted', async () => {
    const { line, events, journal } = aLine()
    journal.note = async () => {
      throw new Dns01Error('STATE', 'disk full')
    }
    await expect(line.present(one('v1'))).rejects.toThrow('disk full')
    expect(calls(events)).toEqual([])
  })

  test('a cleanup that fails keeps the journal entry, says so, and is no error', async () => {
    const { line, said, journal } = aLine({
      cleanup: () => {
        throw refused('no rights to delete')
      },
    })
    await line.present(one('v1'))
    await line.cleanup(one('v1'))
    expect(journal.entries()).toHaveLength(1)
    expect(said).toEqual([
      'a.test: 1 TXT record(s) could not be removed: no rights to delete; the next run tries again',
    ])
  })

  test('a cleanup that fails does not stop the next present', async () => {
    const { line, events } = aLine({
      cleanup: () => {
        throw refused('no')
      },
    })
    await line.present(one('v1'))
    await Promise.all([line.cleanup(one('v1')), line.present(one('v2'))])
    expect(calls(events).at(-1)).toBe('cleanup a.test: v1')
    await line.present(one('v3'))
    expect(calls(events).at(-1)).toBe('present a.test: v3')
  })
})

describe('when it is proved that nothing was written', () => {
  const no = () => {
    throw unwritten(refused('BADSIG'))
  }

  test('the journal forgets the records at once, and nobody takes them back', async () => {
    const { line, events, said, journal } = aLine({ present: no, cleanup: no })
    await expect(line.present(one('v1'))).rejects.toThrow('BADSIG')
    expect(journal.entries()).toEqual([])
    await line.cleanup(one('v1'))
    await line.close()
    expect([events, said]).toEqual([['note v1', 'present a.test: v1', 'gone v1'], []])
  })

  test('of a batch of several targets only what failed by itself is forgotten', async () => {
    const { line, events, journal } = aLine({
      present: records => {
        if (records.some(r => r.value === 'bad')) throw unwritten(refused('bad is not allowed'))
      },
    })
    await Promise.allSettled([one('v1', 't1'), one('bad', 't2')].map(line.present))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1'])
    await line.close()
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
    const { line, journal, events } = aLine({ present: () => (++calls > 1 ? no() : undefined) })
    await line.present(one('v1'))
    await Promise.allSettled([one('v1'), one('v2')].map(line.present))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1'])
    await line.close()
    expect(events.at(-2)).toBe('cleanup a.test: v1')
  })

  test('a batch that may have been written in part stays noted, though its targets prove more by themselves', async () => {
    let calls = 0
    const { line, journal } = aLine({
      present: () => {
        if (++calls === 1) throw refused('after the first of them')
        no()
      },
    })
    await Promise.allSettled([one('v1', 't1'), one('v2', 't2')].map(line.present))
    expect(journal.entries().flatMap(entry => entry.records.map(r => r.value))).toEqual(['v1', 'v2'])
    await line.close()
    expect(journal.entries()).toEqual([])
  })

  test('not after an attempt that may have written', async () => {
    let calls = 0
    const { line, journal } = aLine({
      present: () => {
        if (++calls === 1) throw unavailable('no answer within 5 s')
        no()
      },
    })
    await expect(line.present(one('v1'))).rejects.toThrow('BADSIG')
    expect(journal.entries()).toHaveLength(1)
    await line.close()
  })

  test('the next value of a name need not wait for it', async () => {
    let calls = 0
    const { line, events } = aLine({
      definition: { oneValuePerName: true },
      present: () => (++calls === 1 ? no() : undefined),
    })
    await expect(line.present(same('v1'))).rejects.toThrow('BADSIG')
    await line.present(same('v2'))
    expect(calls).toBe(2)
    await line.close()
    expect(events.at(-2)).toBe('cleanup a.test: v2')
  })
})

describe('when the run is stopped', () => {
  test('what waits is not presented any more; what is up is removed', async () => {
    const { line, events, stopping, pause } = aLine(slow(10))
    await line.present(one('v1'))
    const [second, third] = [line.present(one('v2')), pause(1).then(() => line.present(one('v3')))]
    await pause(2)
    stopping.abort(new Error('Ctrl-C'))
    await expect(second).rejects.toThrow('Ctrl-C')
    await expect(third).rejects.toThrow('Ctrl-C')
    await expect(line.present(one('v4'))).rejects.toThrow('Ctrl-C')
    await Promise.all([one('v1'), one('v2'), one('v3')].map(line.cleanup))
    expect(calls(events)).toEqual(['present a.test: v1', 'present a.test: v2', 'cleanup a.test: v1 v2'])
  })

  test('the cleanup has a signal of its own', async () => {
    const signals: boolean[] = []
    const { line, stopping, journal } = aLine({ cleanup: (_, { signal }) => void signals.push(signal.aborted) })
    await line.present(one('v1'))
    stopping.abort(new Error('Ctrl-C'))
    await line.cleanup(one('v1'))
    expect(signals).toEqual([false])
    expect(journal.entries()).toEqual([])
  })

  test('a gathering change does not hold up the end', async () => {
    const { line, clock, stopping, pause } = aLine(
      { definition: { batchDelaySeconds: 60 } },
      { othersMayCome: () => true },
    )
    const waiting = line.present(one('v1'))
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
    const { line, events, journal } = aLine()
    await Promise.all([one('v1'), one('v2')].map(line.present))
    await line.close()
    expect(calls(events)).toEqual(['present a.test: v1 v2', 'cleanup a.test: v1 v2'])
    expect(journal.entries()).toEqual([])
  })

  test('waits for nobody who might have come to be removed too', async () => {
    const { line, clock } = aLine({ definition: { batchDelaySeconds: 60 } })
    await Promise.all([one('v1'), one('v2')].map(line.present))
    void line.cleanup(one('v1'))
    await line.close()
    expect(clock.seconds).toBe(0)
  })

  test('twice, or with nothing up, is nothing', async () => {
    const { line, events } = aLine()
    await line.close()
    await line.present(one('v1'))
    await line.close()
    await line.close()
    expect(calls(events)).toHaveLength(2)
  })

  test('removes what was under way or still waiting when it was called', async () => {
    const { line, events, pause, journal } = aLine(slow(10))
    const waiting = [line.present(one('v1'))]
    await pause(1)
    waiting.push(line.present(one('v2')))
    await line.close()
    await Promise.allSettled(waiting)
    expect(events.filter(e => e.startsWith('note')).length).toBe(events.filter(e => e.startsWith('gone')).length)
    expect(journal.entries()).toEqual([])
  })

  test('in the very moment of a present', async () => {
    const { line, journal } = aLine()
    const waiting = line.present(one('v1'))
    await line.close()
    await waiting.catch(() => {})
    expect(journal.entries()).toEqual([])
  })

  test('ends though the provider does not come back before its signal fires', async () => {
    const { line, clock, said, stopping, journal } = aLine({ present: hangs, cleanup: hangs })
    const waiting = line.present(one('v1'))
    await clock.sleep(1, new AbortController().signal)
    stopping.abort(new Error('Ctrl-C'))
    await expect(waiting).rejects.toThrow('Ctrl-C')
    await line.close()
    expect(clock.seconds).toBeLessThan(120)
    expect(said).toEqual([expect.stringContaining('could not be removed')])
    expect(journal.entries()).toHaveLength(1)
  })
})

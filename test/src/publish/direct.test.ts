import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { refused, unavailable } from '../../../src/provider/api.js'
import { aHouse, requestFor } from '../../fakes/publisher-house.js'

describe('placing for the hook of another client', () => {
  const three = [requestFor('x.a.test', 'v1'), requestFor('y.a.test', 'v2'), requestFor('b.test', 'v3')]

  test('is one call a zone, and so is removing; the journal hears nothing', async () => {
    const { locator, direct, events } = aHouse()
    const located = await locator.locate(three)
    await direct.place(located, { acceptedIsEnough: true })
    await direct.remove(located)
    expect(events).toEqual([
      'present a.test: v1 v2',
      'present b.test: v3',
      'cleanup a.test: v1 v2',
      'cleanup b.test: v3',
    ])
  })

  test.each([true, false])('the provider hears whether acceptance is enough: %s', async acceptedIsEnough => {
    const heard: unknown[] = []
    const { locator, direct } = aHouse({ provider: { present: (_, call) => void heard.push(call.acceptedIsEnough) } })
    await direct.place(await locator.locate([requestFor('x.a.test', 'v1')]), { acceptedIsEnough })
    expect(heard).toEqual([acceptedIsEnough])
  })

  test('an answer that was lost is asked for again', async () => {
    let lost = 2
    const act = () => {
      if (lost-- > 0) throw unavailable('connection reset')
    }
    const { locator, direct, events } = aHouse({ provider: { cleanup: act } })
    await direct.remove(await locator.locate([requestFor('x.a.test', 'v1')]))
    expect(events).toEqual(Array(3).fill('cleanup a.test: v1'))
  })

  test.each([
    ['refused', () => refused('not yours'), 'not yours', 0, 0.1],
    ['unavailable for long', () => unavailable('busy'), 'busy', 30, 60],
  ] as const)('remove() throws what is %s', async (_, error, message, least, most) => {
    const { locator, direct, clock } = aHouse({
      provider: {
        cleanup: () => {
          throw error()
        },
      },
    })
    const located = await locator.locate([requestFor('x.a.test', 'v1')])
    await expect(direct.remove(located)).rejects.toThrow(message)
    expect(clock.seconds).toBeGreaterThanOrEqual(least)
    expect(clock.seconds).toBeLessThanOrEqual(most)
  })

  test('the signal that stops the run stops place(), not remove()', async () => {
    const house = aHouse({ provider: { present: (_, { signal }) => signal.throwIfAborted() } })
    const located = await house.locator.locate([requestFor('x.a.test', 'v1')])
    house.stopping.abort(new Dns01Error('UNAVAILABLE', 'stopped by SIGTERM'))
    await expect(house.direct.place(located, { acceptedIsEnough: true })).rejects.toThrow('stopped by SIGTERM')
    await house.direct.remove(located)
    expect(house.events).toEqual(['present a.test: v1', 'cleanup a.test: v1'])
  })

  test('prove() waits until every server shows what was placed', async () => {
    const { locator, direct, clock, dns } = aHouse()
    const located = await locator.locate([requestFor('x.a.test', 'v1')])
    let proven = false
    const proof = direct.prove(located).then(() => {
      proven = true
    })
    await clock.advance(3)
    expect(proven).toBe(false)
    dns.add('_acme-challenge.x.a.test', 'TXT', 'v1')
    await proof
  })
})

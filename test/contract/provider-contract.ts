import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, isUnwritten } from '../../src/core/errors.js'
import { type Name, parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import type { Log } from '../../src/core/world.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'

/** What a provider's test hands to the contract. One subject serves all its tests, one after the other. */
export interface Subject {
  readonly provider: Provider
  /** Two zones that the provider may write; the second for the calls in parallel. */
  readonly zones: readonly [string, string]
  /** TXT values that stand at a name now, asked behind the provider's back; [] when there are none. */
  values(name: Name): Promise<readonly string[]>
  /** Somebody else writes this value at the name. Absent where the provider can't keep others' (additive: false). */
  put?: ((name: Name, value: string) => Promise<void>) | undefined
  /** How many changes (API calls that write) there were so far; for batch: true. */
  changes?: (() => number) | undefined
  /** The same provider opened so that the service says no for good (wrong key). */
  refusing?: (() => Promise<Provider>) | undefined
  /** That refusal proves that nothing was written (see Provider.present); true when absent. A program's exit status does not. */
  readonly refusalProves?: boolean | undefined
  /** The same provider opened so that of so many records in one zone some are accepted and the rest is refused. */
  refusingTheRest?: (() => Promise<{ readonly provider: Provider; readonly records: number }>) | undefined
  /** The same provider opened so that the service cannot be reached or is busy. It may take a few seconds to say so. */
  failing?: (() => Promise<Provider>) | undefined
  /** Secrets that may appear in no message. */
  readonly secrets?: readonly string[] | undefined
  stop?: (() => Promise<void>) | undefined
}

let counter = 0
/** A fresh host in the zone, so that no test meets another's records. */
const freshName = (zone: string): Name => parseName(`_acme-challenge.h${counter++}.${zone}`)

export function record(name: Name, value: string, zone: string): TxtRecord {
  const host = parseName(name.replace(/^_acme-challenge\./, ''))
  const challenge = {
    host,
    wildcard: false,
    token: 'token',
    keyAuthorization: 'token.thumb',
    targetFile: 'target',
    env: {},
  }
  return { name, value, zone: parseName(zone), ttlSeconds: 60, challenge }
}

/** 43 characters like a real one (RFC 8555 §8.4). */
export const txtValue = (seed: string): string => Buffer.from(seed.padEnd(32, '.')).toString('base64url').slice(0, 43)

/** A log that keeps what was said. */
export function listeningLog(said: string[]): Log {
  const hear = (...lines: readonly string[]) => void said.push(lines.join('\n  '))
  return {
    error: hear,
    warn: hear,
    notice: hear,
    info: hear,
    debug: hear,
    trace: hear,
    step: (a, b, kind) => (kind === 'pause' ? undefined : hear(`${a} ${typeof b === 'function' ? b() : b}`)),
    mask: () => {},
    masked: text => text,
  }
}

/** What every provider owes (house style §2.3, habit 17). `makeSubject` runs once, before the tests. */
export function providerContract(name: string, makeSubject: () => Promise<Subject>, timeoutSeconds = 20): void {
  describe(`${name} keeps the provider contract`, { timeout: timeoutSeconds * 1000 }, () => {
    let it: Subject
    const said: string[] = []
    const call = (zone: string): ProviderCall => ({
      zone: parseName(zone),
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
      log: listeningLog(said),
    })
    const sorted = async (at: Name) => [...(await it.values(at))].sort()
    beforeAll(async () => {
      it = await makeSubject()
    }, timeoutSeconds * 1000)
    afterAll(async () => {
      await it?.provider.close?.()
      await it?.stop?.()
    })

    test('adds a value and takes it away again', async () => {
      const [zone] = it.zones
      const at = freshName(zone)
      await it.provider.present([record(at, txtValue('one'), zone)], call(zone))
      expect(await sorted(at)).toEqual([txtValue('one')])
      await it.provider.cleanup([record(at, txtValue('one'), zone)], call(zone))
      expect(await sorted(at)).toEqual([])
    })

    test('holds several values at one name, given together or one after the other, and removes just the one named', async () => {
      const [zone] = it.zones
      const at = freshName(zone)
      const [a, b, c] = ['a', 'b', 'c'].map(seed => record(at, txtValue(seed), zone)) as [
        TxtRecord,
        TxtRecord,
        TxtRecord,
      ]
      await it.provider.present([a, b], call(zone))
      await it.provider.present([c], call(zone))
      expect(await sorted(at)).toEqual([a.value, b.value, c.value].sort())
      await it.provider.cleanup([b], call(zone))
      expect(await sorted(at)).toEqual([a.value, c.value].sort())
      await it.provider.cleanup([a, c], call(zone))
      expect(await sorted(at)).toEqual([])
    })

    test('twice is the same as once, also within one call', async () => {
      const [zone] = it.zones
      const at = freshName(zone)
      const one = record(at, txtValue('twice'), zone)
      await it.provider.present([one, one], call(zone))
      await it.provider.present([one], call(zone))
      expect(await sorted(at)).toEqual([one.value])
      await it.provider.cleanup([one, one], call(zone))
      expect(await sorted(at)).toEqual([])
      await it.provider.cleanup([one], call(zone))
    })

    test('cleanup of what never was there is success', async () => {
      const [zone] = it.zones
      await it.provider.cleanup([record(freshName(zone), txtValue('never'), zone)], call(zone))
    })

    test("leaves other people's values alone", async context => {
      const { put } = it
      if (!put) return context.skip()
      const [zone] = it.zones
      const at = freshName(zone)
      await put(at, 'somebody-else')
      await it.provider.present([record(at, txtValue('ours'), zone)], call(zone))
      expect(await sorted(at)).toEqual([txtValue('ours'), 'somebody-else'].sort())
      await it.provider.cleanup([record(at, txtValue('ours'), zone)], call(zone))
      expect(await sorted(at)).toEqual(['somebody-else'])
    })

    test('serves two zones at the same time', async () => {
      const ats = it.zones.map(zone => ({ zone, at: freshName(zone) }))
      await Promise.all(
        ats.map(({ zone, at }) => it.provider.present([record(at, txtValue('both'), zone)], call(zone))),
      )
      for (const { at } of ats) expect(await sorted(at)).toEqual([txtValue('both')])
      await Promise.all(
        ats.map(({ zone, at }) => it.provider.cleanup([record(at, txtValue('both'), zone)], call(zone))),
      )
      for (const { at } of ats) expect(await sorted(at)).toEqual([])
    })

    test('takes 100 records in one call', async () => {
      const [zone] = it.zones
      const many = Array.from({ length: 100 }, (_, i) => record(freshName(zone), txtValue(`many${i}`), zone))
      const before = it.changes?.() ?? 0
      await it.provider.present(many, call(zone))
      if (it.changes) expect(it.changes() - before).toBe(1)
      for (const { name: at, value } of many) expect(await sorted(at)).toEqual([value])
      await it.provider.cleanup(many, call(zone))
      if (it.changes) expect(it.changes() - before).toBe(2)
      for (const { name: at } of many) expect(await sorted(at)).toEqual([])
    })

    test('a stopped signal stops it before it writes', async () => {
      const [zone] = it.zones
      const at = freshName(zone)
      const stopped = { ...call(zone), signal: AbortSignal.abort(new Error('stopped by the test')) }
      await expect(it.provider.present([record(at, txtValue('late'), zone)], stopped)).rejects.toThrow()
      expect(await sorted(at)).toEqual([])
    })

    test('says "refused" when the service says no', async context => {
      if (!it.refusing) return context.skip()
      const [zone] = it.zones
      const error = await failureOf(
        (await it.refusing()).present([record(freshName(zone), txtValue('no'), zone)], call(zone)),
      )
      said.push(String(error), (error as { hint?: string }).hint ?? '')
      expect(codeOf(error)).toBe('REFUSED')
      expect(isUnwritten(error)).toBe(it.refusalProves ?? true)
    })

    test('a refusal after a part was accepted does not claim that nothing was written', async context => {
      if (!it.refusingTheRest) return context.skip()
      const { provider, records } = await it.refusingTheRest()
      const [zone] = it.zones
      const many = Array.from({ length: records }, (_, i) => record(freshName(zone), txtValue(`part${i}`), zone))
      const error = await failureOf(provider.present(many, call(zone)))
      expect([codeOf(error), isUnwritten(error)]).toEqual(['REFUSED', false])
    })

    test('says "unavailable" when the service cannot be reached', async context => {
      if (!it.failing) return context.skip()
      const [zone] = it.zones
      const error = await failureOf(
        (await it.failing()).present([record(freshName(zone), txtValue('later'), zone)], call(zone)),
      )
      said.push(String(error), (error as { hint?: string }).hint ?? '')
      expect(codeOf(error)).toBe('UNAVAILABLE')
    })

    test('no secret was said anywhere', () => {
      for (const secret of it.secrets ?? []) expect(said.join('\n')).not.toContain(secret)
    })
  })
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => {
      throw new Error('it should have failed')
    },
    error => error,
  )

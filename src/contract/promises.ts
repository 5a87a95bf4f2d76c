// What every provider must keep, as tests that do not know which provider they have. A bug found in one provider
// becomes a promise here, and so is looked for in all of them.
import assert from 'node:assert/strict'
import { codeOf, isUnwritten } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import type { ProviderCall } from '../provider/api.js'
import { record, type Subject, txtValue } from './subject.js'

/** What each promise is tested with. */
export interface Tested {
  readonly it: Subject
  /** The first of the subject's zones. */
  readonly zone: string
  /** Everything that was logged or thrown so far. */
  readonly said: string[]
  call(zone: string): ProviderCall
  skip(): void
}

let counter = 0
/** A fresh host in the zone, so that no test meets another's records. */
const freshName = (zone: string): Name => parseName(`_acme-challenge.h${counter++}.${zone}`)

const sorted = async (it: Subject, at: Name): Promise<string[]> => [...(await it.values(at))].sort()

/** The promises of Provider (src/provider/api.ts), each by its title: what is tested, in order. */
export const PROMISES: Readonly<Record<string, (tested: Tested) => Promise<void>>> = {
  'adds a value and takes it away again': async ({ it, zone, call }) => {
    const at = freshName(zone)
    await it.provider.present([record(at, txtValue('one'), zone)], call(zone))
    assert.deepEqual(await sorted(it, at), [txtValue('one')])
    await it.provider.cleanup([record(at, txtValue('one'), zone)], call(zone))
    assert.deepEqual(await sorted(it, at), [])
  },

  'holds several values at one name, given together or one after the other, and removes just the one named': async ({
    it,
    zone,
    call,
  }) => {
    const at = freshName(zone)
    const [a, b, c] = [txtValue('a'), txtValue('b'), txtValue('c')]
    const of = (value: string) => record(at, value, zone)
    await it.provider.present([of(a), of(b)], call(zone))
    await it.provider.present([of(c)], call(zone))
    assert.deepEqual(await sorted(it, at), [a, b, c].sort())
    await it.provider.cleanup([of(b)], call(zone))
    assert.deepEqual(await sorted(it, at), [a, c].sort())
    await it.provider.cleanup([of(a), of(c)], call(zone))
    assert.deepEqual(await sorted(it, at), [])
  },

  'twice is the same as once, also within one call': async ({ it, zone, call }) => {
    const at = freshName(zone)
    const one = record(at, txtValue('twice'), zone)
    await it.provider.present([one, one], call(zone))
    await it.provider.present([one], call(zone))
    assert.deepEqual(await sorted(it, at), [one.value])
    await it.provider.cleanup([one, one], call(zone))
    assert.deepEqual(await sorted(it, at), [])
    await it.provider.cleanup([one], call(zone))
  },

  'cleanup of what never was there is success': async ({ it, zone, call }) => {
    await it.provider.cleanup([record(freshName(zone), txtValue('never'), zone)], call(zone))
  },

  'a provider opened later removes what an earlier one added, by name and value alone': async tested => {
    const { it, zone, call, skip } = tested
    if (!it.reopened) return skip()
    const at = freshName(zone)
    const one = record(at, txtValue('journal'), zone)
    await it.provider.present([one], call(zone))
    const later = await it.reopened()
    await later.cleanup([JSON.parse(JSON.stringify(one))], call(zone))
    await later.close?.()
    assert.deepEqual(await sorted(it, at), [])
  },

  "leaves other people's values alone": async ({ it, zone, call, skip }) => {
    if (!it.put) return skip()
    const at = freshName(zone)
    await it.put(at, 'somebody-else')
    await it.provider.present([record(at, txtValue('ours'), zone)], call(zone))
    assert.deepEqual(await sorted(it, at), [txtValue('ours'), 'somebody-else'].sort())
    await it.provider.cleanup([record(at, txtValue('ours'), zone)], call(zone))
    assert.deepEqual(await sorted(it, at), ['somebody-else'])
  },

  'serves two zones at the same time': async ({ it, call }) => {
    const ats = it.zones.map(zone => ({ zone, at: freshName(zone) }))
    const everywhere = (what: 'present' | 'cleanup') =>
      Promise.all(ats.map(({ zone, at }) => it.provider[what]([record(at, txtValue('both'), zone)], call(zone))))
    await everywhere('present')
    for (const { at } of ats) assert.deepEqual(await sorted(it, at), [txtValue('both')])
    await everywhere('cleanup')
    for (const { at } of ats) assert.deepEqual(await sorted(it, at), [])
  },

  'takes many records in one call': async ({ it, zone, call }) => {
    const many = Array.from({ length: it.many ?? 100 }, (_, i) => record(freshName(zone), txtValue(`many${i}`), zone))
    const before = it.changes?.() ?? 0
    await it.provider.present(many, call(zone))
    if (it.changes) assert.equal(it.changes() - before, 1)
    for (const { name: at, value } of many) assert.deepEqual(await sorted(it, at), [value])
    await it.provider.cleanup(many, call(zone))
    if (it.changes) assert.equal(it.changes() - before, 2)
    for (const { name: at } of many) assert.deepEqual(await sorted(it, at), [])
  },

  'a stopped signal stops it before it writes': async ({ it, zone, call }) => {
    const at = freshName(zone)
    const stopped = { ...call(zone), signal: AbortSignal.abort(new Error('stopped by the test')) }
    await assert.rejects(it.provider.present([record(at, txtValue('late'), zone)], stopped))
    assert.deepEqual(await sorted(it, at), [])
  },

  'says "refused" when the service says no': async ({ it, zone, call, said, skip }) => {
    if (!it.refusing) return skip()
    const provider = await it.refusing()
    const error = await failureOf(provider.present([record(freshName(zone), txtValue('no'), zone)], call(zone)), said)
    assert.equal(codeOf(error), 'REFUSED', String(error))
    assert.equal(isUnwritten(error), it.refusalProves ?? true, 'whether it proves that nothing was written')
  },

  'a refusal after a part was accepted does not claim that nothing was written': async tested => {
    const { it, zone, call, said, skip } = tested
    if (!it.refusingTheRest) return skip()
    const { provider, records } = await it.refusingTheRest()
    const many = Array.from({ length: records }, (_, i) => record(freshName(zone), txtValue(`part${i}`), zone))
    const error = await failureOf(provider.present(many, call(zone)), said)
    assert.deepEqual([codeOf(error), isUnwritten(error)], ['REFUSED', false])
  },

  'says "unavailable" when the service cannot be reached': async ({ it, zone, call, said, skip }) => {
    if (!it.failing) return skip()
    const provider = await it.failing()
    const error = await failureOf(
      provider.present([record(freshName(zone), txtValue('later'), zone)], call(zone)),
      said,
    )
    assert.equal(codeOf(error), 'UNAVAILABLE', String(error))
  },

  'no secret was said anywhere': async ({ it, said }) => {
    const text = said.join('\n')
    for (const secret of it.secrets ?? []) assert.ok(!text.includes(secret), 'a secret was logged or thrown')
  },
}

/** What it fails with; its words are heard, too. */
async function failureOf(promise: Promise<unknown>, said: string[]): Promise<unknown> {
  const error: unknown = await promise.then(
    () => undefined,
    caught => caught,
  )
  assert.ok(error !== undefined, 'it should have failed')
  said.push(String(error), (error as { hint?: string }).hint ?? '')
  return error
}

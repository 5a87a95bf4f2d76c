// When a CA of request.fallback is asked in the place of the first one, and which: tables of decisions.
import { describe, expect, test } from 'vitest'
import type { Target } from '../../../src/core/target.js'
import { asWanted, atWhichCa, type Candidate } from '../../../src/limits/admission.js'
import { isTimeForAnother } from '../../../src/limits/fallback.js'
import type { Failure, Memory } from '../../../src/state/ledger.js'
import { caKey, targetKey } from '../../../src/state/ledger-keys.js'
import { names, target } from '../../fakes/held.js'

const now = new Date('2026-06-01T12:00:00Z')
const hours = (count: number): Date => new Date(now.getTime() + count * 3_600_000)

describe('it is time for another CA', () => {
  test.each<
    [
      string,
      { live?: boolean; renewAt?: number; ends?: number; after?: number; since?: number; next?: number },
      boolean,
    ]
  >([
    ['when there is no certificate', { live: false }, true],
    ['not when the certificate has days left', { ends: 240 }, false],
    ['when it ends within a day, whenever the next try is', { ends: 24, next: 1 }, true],
    ['when it ends before the next try', { ends: 100, next: 120 }, true],
    ['not when the next try is before its end', { ends: 100, next: 80 }, false],
    ['at once, if somebody wrote so', { ends: 240, after: 0, since: 0 }, true],
    ['after the hours that somebody wrote', { ends: 240, after: 12, since: -12 }, true],
    ['not before them', { ends: 240, after: 12, since: -11 }, false],
    ['before them, when the certificate ends', { ends: 10, after: 12, since: 0 }, true],
    ['not for a failure from before this renewal was due', { ends: 240, after: 12, since: -500, renewAt: -2 }, false],
  ])('%s', (_what, { live = true, renewAt, ends, after, since = 0, next = 1 }, expected) => {
    const waiting = {
      target: { fallbackAfterHours: after },
      live,
      renewAt: renewAt === undefined ? undefined : hours(renewAt),
      notAfter: ends === undefined ? undefined : hours(ends),
    }
    expect(isTimeForAnother(waiting, { since: hours(since) }, hours(next), now)).toBe(expected)
  })
})

const FIRST = 'https://ca.example/directory'
const [SECOND, THIRD] = ['https://second.test/dir', 'https://third.test/dir']

const wants = (more: Partial<Target> = {}): Target => target('a', ['a.test'], { fallback: [SECOND, THIRD], ...more })
const due = (more: Partial<Candidate> = {}): Candidate => ({
  target: wants(),
  forced: false,
  live: false,
  lacking: names('a.test'),
  ...more,
})
const failed = (more: Partial<Failure> = {}): Failure => ({
  code: 'UNAVAILABLE',
  message: 'down',
  since: hours(-1),
  last: hours(-0.01),
  times: 3,
  caFailed: true,
  ...more,
})

/** The host of the CA that is asked. */
function asked(one: Candidate, failures: Record<string, Failure>, wanted = names()): string {
  const memory: Memory = { failures: new Map(Object.entries(failures)), validations: new Map(), orders: new Map() }
  return new URL(atWhichCa(one, memory, { now, limitsOf: () => ({}), targets: 1, wanted }).target.ca).host
}

const down = (ca: string, more: Partial<Failure> = {}) => ({ [caKey(ca)]: failed(more) })
const limited = (more: Partial<Failure> = {}) => ({ [targetKey(wants())]: failed(more) })

describe('which CA is asked', () => {
  test.each<[string, Candidate, Record<string, Failure>, string]>([
    ['the first, when nothing is known against it', due(), {}, 'ca.example'],
    ['the second, when the first as a whole has failed and is in back-off', due(), down(FIRST), 'second.test'],
    ['the second, when the first limits these names', due(), limited({ notBefore: hours(60) }), 'second.test'],
    ['the first again, when its back-off is over', due(), down(FIRST, { last: hours(-3) }), 'ca.example'],
    [
      'the first, when what failed is not the CA’s (the DNS, a refusal of the name)',
      due(),
      limited({ caFailed: undefined }),
      'ca.example',
    ],
    [
      'the first, when it has time',
      due({ live: true, renewAt: hours(-1), notAfter: hours(700) }),
      down(FIRST),
      'ca.example',
    ],
    ['the first, when no other is named', due({ target: wants({ fallback: undefined }) }), down(FIRST), 'ca.example'],
    ['the third, when the second is down, too', due(), { ...down(FIRST), ...down(SECOND) }, 'third.test'],
    ['the first, when all are down', due(), { ...down(FIRST), ...down(SECOND), ...down(THIRD) }, 'ca.example'],
    [
      'the second, when the first has failed in this run',
      due({ tried: [FIRST], forced: true }),
      down(FIRST),
      'second.test',
    ],
    [
      'the third, when both have failed in this run',
      due({ tried: [FIRST, SECOND], forced: true }),
      down(FIRST),
      'third.test',
    ],
    ['the first, by force, whatever failed before', due({ forced: true }), down(FIRST), 'ca.example'],
  ])('%s', (_what, one, failures, host) => {
    expect(asked(one, failures)).toBe(host)
  })

  test('says in whose place, and why; what the first asked for by renewal information counts for it alone', () => {
    const replaces = { certificate: 'c', certId: 'x.y', accountId: 'a/b', names: names('a.test'), windowBegun: true }
    const memory = { failures: new Map(Object.entries(down(FIRST))), validations: new Map(), orders: new Map() }
    const there = atWhichCa(due({ replaces }), memory, { now, limitsOf: () => ({}), targets: 1 })
    expect(there).toMatchObject({
      insteadBecause: 'down',
      target: { ca: SECOND, insteadOf: FIRST },
      replaces: { windowBegun: false },
    })
    expect(asWanted(there).target).toEqual(wants())
  })
})

import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import type { Target } from '../../../src/core/target.js'
import type { Outcome } from '../../../src/renew/outcome.js'
import type { Context } from '../../../src/renew/run.js'
import type { TargetStatus } from '../../../src/renew/status.js'
import { failureParagraphs } from '../../../src/report/failure-text.js'
import { report, type Wanted } from '../../../src/report/report.js'
import type { StateDir } from '../../../src/state/state-dir.js'
import { fakeLog } from '../../fakes/log.js'

const now = new Date('2026-06-01T12:00:00Z')
const ca = 'https://ca.example/dir'

const failure = { code: 'REFUSED', message: 'BADSIG', since: now, last: now, times: 1 }

/** One target, whose certificate is good for twelve days, and which has just failed. */
const state = {
  root: '/var/lib/acme',
  exists: () => true,
  confText: () => '',
  accounts: () => [],
  targets: () => ({
    targets: [
      {
        ...{ file: 'a.example-3fva', names: ['a.example', '*.a.example'], requestNames: ['a.example', '*.a.example'] },
        ...{ ca, marginDays: 30, priority: 0, label: '', partial: false, key: { type: 'ecdsa' } },
      } as unknown as Target,
    ],
    problems: [],
  }),
  certificates: () => [
    {
      ...{ id: 'c', complete: true, hasKey: true, revoked: false, revokeWanted: false },
      facts: {
        ...{ names: ['a.example', '*.a.example'], keyType: 'ecdsa', issuer: 'CN=CA' },
        notBefore: new Date('2026-03-15T12:00:00Z'),
        notAfter: new Date('2026-06-13T12:00:00Z'),
      },
    },
  ],
  links: () => new Map([['a.example', 'c']]),
  journal: { entries: () => [] },
  keyIds: () => new Set(),
  defaults: () => ({ key: {} }),
  ledger: () => ({
    failures: new Map([['ca.example%2fdir *.a.example,a.example', failure]]),
    validations: new Map(),
    orders: new Map(),
    recordEnds: new Map(),
  }),
} as unknown as StateDir

function reported(
  outcomes: readonly Outcome[],
  { wanted, verbose = 0, batch = true }: { wanted?: Wanted; verbose?: number; batch?: boolean } = {},
) {
  const said: string[] = []
  const log = fakeLog(said, { from: 'notice' })
  const context = {
    out: { json: false, show: () => {} },
    world: { log, clock: { now: () => now }, env: {} },
    batch,
    verbose,
  } as unknown as Context
  const errors = report(context, state, outcomes, wanted)
  return { said, errors }
}

const failed = (subject: string, names: readonly string[], error: Dns01Error): Outcome => ({
  ...{ subject, names: names.map(parseName), result: 'failed', error },
})

const left: Outcome = {
  subject: 'dns',
  names: [],
  result: 'left',
  error: new Dns01Error('UNAVAILABLE', 'a.test: 1 TXT record(s) could not be removed'),
}

test('records that were left are told after what went wrong, and do not count for the exit status', () => {
  const wrong = failed('a', [], new Dns01Error('REFUSED', 'a: BADSIG'))
  const { said, errors } = reported([left, wrong])
  expect(said).toEqual(['error: a: BADSIG', 'warn: a.test: 1 TXT record(s) could not be removed'])
  expect(errors).toEqual([wrong.error])
})

describe('what failed', () => {
  const badSignature = new Dns01Error('REFUSED', '192.0.2.1 answered BADSIG', { hint: 'compare the secrets' })
  const outcome = failed('a.example-3fva', ['a.example', '*.a.example'], badSignature)

  test('is a paragraph: names, what went wrong, how long the certificate in use is good, the next try, where to look', () => {
    expect(reported([outcome]).said).toEqual([
      [
        'error: a.example +1: 192.0.2.1 answered BADSIG',
        'compare the secrets',
        'the certificate is for a.example, *.a.example',
        'the one in use is good for 12 d, until 2026-06-13; next try 2026-06-01T12:01Z',
        'dns01 probe a.example looks into it',
      ].join('\n  '),
    ])
  })

  test('of a name that is in no certificate yet: that the one in use is good is not said of it', () => {
    const targetOf = (): TargetStatus =>
      ({ notAfter: new Date('2026-06-13T12:00:00Z'), missing: [{ name: 'new.example' }] }) as unknown as TargetStatus
    const [[, ...lines] = []] = failureParagraphs([outcome], () => ({ now, targetOf }), false)
    expect(lines).toContain('the one in use, without new.example, is good for 12 d, until 2026-06-13')
  })

  test.each([
    ['a.example', false],
    ['new.example', true],
  ])('about %s, with a certificate that lacks new.example: perhaps mistyped: %s', (name, isNew) => {
    const target = {
      notAfter: new Date('2026-06-13T12:00:00Z'),
      missing: [{ name: 'new.example' }],
    } as unknown as TargetStatus
    const error = new Dns01Error('REFUSED', 'x', { doubtsName: true, byName: new Map([[name, 1]]) })
    const facts = { now, targetOf: () => target }
    const [lines = []] = failureParagraphs([failed('a', ['a.example', 'new.example'], error)], () => facts, false)
    expect(lines.join('\n').includes('mistyped')).toBe(isNew)
    expect(lines.join('\n')).toContain(`dns01 probe ${name}`)
  })

  test('is called by its file only for who wants to know more', () => {
    expect(reported([outcome], { verbose: 1 }).said[0]).toMatch(/^error: a\.example \+1 \(a\.example-3fva\): 192/)
    const doubled = failed('a.example-3fva', ['a.example'], new Dns01Error('STATE', 'a.example-3fva: broken'))
    expect(reported([doubled]).said[0]).toMatch(/^error: a\.example: broken/)
  })

  test.each([
    [
      'a name that may be mistyped',
      new Dns01Error('REFUSED', 'x', { doubtsName: true }),
      /mistyped\? dns01 unwant b\.example; else dns01 probe/,
    ],
    [
      'a wildcard',
      new Dns01Error('CONFIG', 'x', { byName: new Map([['*.b.example', 1]]) }),
      /dns01 probe '\*\.b\.example'/,
    ],
  ])('%s has a way on', (_, error, hint) => {
    expect(reported([failed('b', ['b.example', '*.b.example'], error)]).said[0]).toMatch(hint)
  })

  test('for one and the same reason is told once, with the earliest end and try', () => {
    const down = (): Dns01Error => new Dns01Error('UNAVAILABLE', 'ca.example cannot be reached', { hint: 'wait' })
    const names = ['c', 'd', 'e', 'f', 'g', 'h'].map(letter => failed(letter, [`${letter}.example`], down()))
    const { said, errors } = reported([failed('a.example-3fva', ['a.example', '*.a.example'], down()), ...names])
    expect(said).toEqual([
      [
        'error: a.example +1, c.example, d.example, e.example, f.example, and 2 more: ca.example cannot be reached',
        'wait',
        'those in use are good for 12 d, until 2026-06-13; next try 2026-06-01T12:01Z',
        'dns01 probe a.example looks into it',
      ].join('\n  '),
    ])
    expect(errors).toHaveLength(7)
  })

  test('whose hint speaks of probe already is not told so twice', () => {
    const hint = 'is it public? dns01 probe NAME shows what each answers'
    const { said } = reported([failed('b', ['b.example'], new Dns01Error('REFUSED', 'x', { hint }))])
    expect(said).toEqual(['error: b.example: x\n  is it public? dns01 probe b.example shows what each answers'])
  })

  test('what is wrong on this machine itself does not lead to probe', () => {
    expect(reported([failed('b', ['b.example'], new Dns01Error('STATE', 'disk full'))]).said).toEqual([
      'error: b.example: disk full',
    ])
  })
})

test('of many that wait five are told', () => {
  const waits = ['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(letter => ({
    ...failed(letter, [`${letter}.example`], new Dns01Error('UNAVAILABLE', `${letter}: waits until tomorrow`)),
    result: 'waits' as const,
  }))
  const { said, errors } = reported(waits, { batch: false })
  expect(said).toHaveLength(6)
  expect(said[0]).toBe('notice: a.example: waits until tomorrow')
  expect(said[5]).toBe('notice: and 2 more wait: dns01 status')
  expect(errors).toEqual([])
  expect(reported(waits, { batch: false, verbose: 1 }).said).toHaveLength(7)
  expect(reported(waits).said).toEqual([])
})

describe('for who has just wanted a name', () => {
  const wanted: Wanted = { names: [parseName('new.example')], files: ['new'] }
  const other = failed('o', ['o.example', 'p.example'], new Dns01Error('REFUSED', 'no zone'))
  const broken = failed('desired', [], new Dns01Error('CONFIG', 'desired/x is no YAML'))
  const waiting: Outcome = { subject: 'w', names: [parseName('w.example')], result: 'waits', notLive: true }

  test.each([
    ['one that failed', [other], '2 other names fail'],
    ['one that waits', [waiting], undefined],
    ['a file of theirs', [broken], '1 target file is wrong'],
    ['all of that', [other, waiting, broken], '3 other names fail, 1 target file is wrong'],
  ])('trouble of others, %s, is a line, and does not count', (_, outcomes, line) => {
    const { said, errors } = reported(outcomes, { wanted })
    expect(said).toEqual(line ? [`notice: ${line}: dns01 status`] : [])
    expect(errors).toEqual([])
  })

  test('what concerns the name itself, or everybody, counts', () => {
    const own = failed('new', ['new.example'], new Dns01Error('UNAVAILABLE', 'x'))
    const hook = failed('/hooks/reload', [], new Dns01Error('HOOK', 'x'))
    expect(reported([own, hook, other], { wanted }).errors).toEqual([own.error, hook.error])
    expect(reported([broken], { wanted: { ...wanted, files: [] } }).errors).toEqual([broken.error])
  })
})

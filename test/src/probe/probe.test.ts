import { describe, expect, test } from 'vitest'
import { Dns01Error, exitStatus } from '../../../src/core/errors.js'
import type { World } from '../../../src/core/world.js'
import { clockFinding } from '../../../src/probe/authority.js'
import type { Finding } from '../../../src/probe/finding.js'
import { probeErrors, probeLines } from '../../../src/probe/report.js'
import { refused } from '../../../src/provider/api.js'
import { withLock } from '../../../src/state/lock.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { fakeResolver } from '../../fakes/dns.js'
import { all, answer, directory, line, not, type Options, root, run } from './lab.js'

test('all is well: everything is looked at, one value comes and goes, nothing is left', async () => {
  const { document, dns, events, left, said } = await run(['www.a.test', '*.a.test'])
  expect(not('ok', document)).toEqual([])
  const checks = document.names[0]?.findings.map(({ check }) => check)
  expect([...new Set(checks)]).toEqual(['caa', 'dnssec', 'cname', 'zone', 'servers', 'view', 'rights'])
  expect(document.authorities[0]?.findings.map(({ check }) => check)).toEqual(['ca', 'clock'])
  expect(events.map(event => event.split(':')[0])).toEqual(['present a.test', 'cleanup a.test'])
  expect(dns.values('_acme-challenge.www.a.test')).toEqual([])
  expect(left).toEqual([])
  expect(said.filter(text => text.startsWith('warn'))).toEqual([])
  expect(probeErrors(document)).toEqual([])
  expect(probeLines(document).join('\n')).toMatch(
    /^https:\/\/ca\.test\/directory\n {2}ok {7}ca [\s\S]*www\.a\.test\n {2}ok[\s\S]*All is well\.$/,
  )
})

test('a bug that shows before anybody waits for it is thrown to the caller, and does not end node', async () => {
  const fetch = () => Promise.reject(new TypeError('no constructor'))
  const world = (plain: World): World => ({
    ...plain,
    dns: {
      ...plain.dns,
      query: async (...asked) => {
        await new Promise(resolve => setImmediate(resolve)) // a turn of the loop, in which node looks for unheard failures
        return plain.dns.query(...asked)
      },
    },
  })
  await expect(run(['www.a.test'], { fetch, world })).rejects.toThrow('no constructor')
})

describe('what is wrong, and what to do', () => {
  const table: [what: string, options: Options, says: RegExp, exit: number][] = [
    [
      'CAA of the zone forbids',
      { dns: dns => dns.add('a.test', 'CAA', '0 issue other.test') },
      /failed caa: CAA of a\.test forbids it.*→ add: a\.test\. CAA 0 issue "ca\.test"/,
      6,
    ],
    [
      'CAA nearer to the name counts',
      { dns: dns => [dns.add('a.test', 'CAA', '0 issue ;'), dns.add('www.a.test', 'CAA', '0 issue ca.test')] },
      /ok caa: CAA of www\.a\.test allows/,
      0,
    ],
    [
      'CAA at the end of a CNAME',
      { dns: dns => [dns.add('www.a.test', 'CNAME', 'x.b.test'), dns.add('x.b.test', 'CAA', '0 issue ;')] },
      /failed caa: CAA of www\.a\.test forbids/,
      6,
    ],
    [
      'CAA for one account',
      { dns: dns => dns.add('a.test', 'CAA', '0 issue ca.test; accounturi=https://ca.test/1') },
      /warning caa: .*https:\/\/ca\.test\/1 only → dns01 account-url/,
      0,
    ],
    [
      'a lame server',
      { dns: dns => dns.manners('192.0.2.2', { lame: true }) },
      /warning servers: ns2\.a\.test \(192\.0\.2\.2\) does not serve a\.test.*→ make it serve a\.test, or take it out/,
      0,
    ],
    [
      'a server that refuses',
      { dns: dns => dns.manners('192.0.2.2', { rcode: 'REFUSED' }) },
      /warning servers: ns2\.a\.test \(192\.0\.2\.2\) answers REFUSED/,
      0,
    ],
    [
      'a silent server',
      { dns: dns => dns.manners('192.0.2.2', { unheard: 'silent' }) },
      /warning servers: .*192\.0\.2\.2.*no answer.*→ open port 53/,
      0,
    ],
    [
      'a network that cannot be reached is nobody’s fault',
      { dns: dns => dns.manners('192.0.2.2', { unheard: 'noRoute' }) },
      /skipped servers: .*no route/,
      0,
    ],
    [
      'no server can be asked',
      { dns: dns => ['192.0.2.1', '192.0.2.2'].map(at => dns.manners(at, { unheard: 'silent' })) },
      /warning servers: no server of a\.test can be asked from here/,
      0,
    ],
    [
      'a secondary that never shows it',
      { dns: dns => dns.manners('192.0.2.2', { lagSeconds: 3600 * 24 }) },
      /failed rights: .*1 of 2 servers lack the value.*192\.0\.2\.2.*→ those servers must take the zone/,
      7,
    ],
    [
      'servers that differ',
      {
        dns: dns => [
          dns.add('_acme-challenge.www.a.test', 'TXT', 'x'),
          dns.add('_acme-challenge.www.a.test', 'TXT', 'y'),
          dns.manners('192.0.2.2', { showsAtMost: 1 }),
        ],
      },
      /warning servers: they do not show the same values/,
      7,
    ],
    ['no such zone', { dns: dns => dns.manners(fakeResolver, { rcode: 'SERVFAIL' }) }, /failed zone: .*SERVFAIL/, 7],
    [
      'a CNAME is followed, and told',
      { dns: dns => dns.add('_acme-challenge.www.a.test', 'CNAME', 'www.b.test') },
      /ok cname: CNAME: _acme-challenge\.www\.a\.test → www\.b\.test[\s\S]*ok zone: www\.b\.test lies in the zone b\.test/,
      0,
    ],
    [
      'the provider refuses',
      {
        provider: {
          present: async () => {
            throw refused('the token may not write a.test', 'give it DNS:Edit')
          },
        },
      },
      /failed rights: the token may not write a\.test → give it DNS:Edit/,
      6,
    ],
    [
      'it adds but cannot remove',
      {
        provider: {
          cleanup: async () => {
            throw refused('no right to delete')
          },
        },
      },
      /warning rights: .*but it could not be removed/,
      0,
    ],
    [
      'a provider that would overwrite',
      {
        provider: { definition: { additive: false } },
        dns: dns => dns.add('_acme-challenge.www.a.test', 'TXT', 'theirs'),
      },
      /skipped rights: not tried: fake may replace the 1 value\(s\) that are there/,
      0,
    ],
    ['the CA says 404', { fetch: async () => answer(404, '') }, /failed ca: .*HTTP status 404 → is this the URL/, 3],
    [
      'what answers is no CA',
      { fetch: async () => answer(200, '<html>') },
      /failed ca: .*no ACME directory: it is not JSON/,
      3,
    ],
    [
      'the CA cannot be reached',
      {
        fetch: async () => {
          throw new Dns01Error('UNAVAILABLE', 'no route', { hint: 'proxy?' })
        },
      },
      /failed ca: no route → proxy\?/,
      7,
    ],
    [
      'the clock is behind',
      { fetch: async () => answer(200, JSON.stringify(directory), { date: 'Thu, 01 Jan 2026 01:00:00 GMT' }) },
      /failed clock: .*3600 s behind the CA's/,
      6,
    ],
    [
      'a zone inside, a CA outside',
      { dns: dns => dns.zone('in.a.test', { 'ns.in.a.test': ['10.0.0.1'] }) },
      /warning view: in\.a\.test has inner addresses only \(10\.0\.0\.1\).*CA ca\.test is outside/,
      0,
    ],
  ]
  for (const [what, options, says, exit] of table)
    test(what, async () => {
      const { document } = await run([what.startsWith('a zone inside') ? 'www.in.a.test' : 'www.a.test'], options)
      expect(all(document).map(line).join('\n')).toMatch(says)
      expect(exitStatus(probeErrors(document))).toBe(exit)
      expect(probeLines(document).at(-1)).toMatch(/All is well|failed|warning/)
    })
})

test('CAA that cannot be looked up stops a CA that says its CAA names; another perhaps not', async () => {
  const world = (plain: World): World => ({
    ...plain,
    dns: {
      ...plain.dns,
      query: async (question, where) =>
        question.type === 'CAA'
          ? { rcode: 'SERVFAIL', authoritative: false, answers: [], authorities: [] }
          : plain.dns.query(question, where),
    },
  })
  const strict = await run(['www.a.test'], { world })
  expect(all(strict.document).map(line).join('\n')).toMatch(/failed caa: .*SERVFAIL.* → a CA that cannot look up CAA/)
  const silent = JSON.stringify({ ...directory, meta: {} })
  const inner = await run(['www.a.test'], { world, fetch: async () => answer(200, silent) })
  expect(all(inner.document).map(line).join('\n')).toMatch(/warning caa: .*perhaps this CA does not look at all/)
})

test('a wildcard that makes the CNAME is told; a CNAME of its own is not', async () => {
  /** Below w.a.test everything is a CNAME. */
  const world = (plain: World): World => ({
    ...plain,
    dns: {
      ...plain.dns,
      query: async (question, where) =>
        question.type === 'CNAME' && question.name.endsWith('.w.a.test') && where.recursion
          ? {
              ...{ rcode: 'NOERROR', authoritative: false, authorities: [] },
              answers: [{ name: question.name, type: 'CNAME', ttlSeconds: 1, data: 'all.b.test' }],
            }
          : plain.dns.query(question, where),
    },
  })
  const { document } = await run(['x.w.a.test'], { world })
  expect(all(document).map(line).join('\n')).toMatch(
    /warning wildcard: .*a wildcard makes it, and the value would be placed at all\.b\.test → write a record/,
  )
  const own = await run(['www.a.test'], { dns: dns => dns.add('_acme-challenge.www.a.test', 'CNAME', 'www.b.test') })
  expect(all(own.document).filter(({ check }) => check === 'wildcard')).toEqual([])
})

describe('DNSSEC', () => {
  const withAnswer =
    (ad: boolean, rcode: 'NOERROR' | 'SERVFAIL', unchecked: number) =>
    (plain: World): World => ({
      ...plain,
      dns: {
        ...plain.dns,
        exchange: async message => {
          expect((message[3] ?? 0) & 0x10, 'the CD bit').toBe(0x10)
          return Uint8Array.from([0, 0, 0x80, unchecked, 0, 0, 0, 0, 0, 0, 0, 0])
        },
        query: async (question, where) => {
          const answer = await plain.dns.query(question, where)
          if (!where.recursion || question.name.endsWith('ca.test')) return answer
          return rcode === 'SERVFAIL'
            ? { ...answer, rcode, answers: [], authorities: [] }
            : { ...answer, authentic: ad }
        },
      },
    })
  test('good signatures', async () => {
    const { document } = await run(['www.a.test'], { world: withAnswer(true, 'NOERROR', 0) })
    expect(all(document).map(line).join('\n')).toMatch(
      /ok dnssec: signed, and the resolver says that the signatures are good/,
    )
  })
  test('signed, and nobody checked', async () => {
    const { document } = await run(['www.a.test'], { dns: dns => dns.add('a.test', 'DS', '1 13 2 00') })
    expect(all(document).map(line).join('\n')).toMatch(
      /warning dnssec: a\.test is signed, but 203\.0\.113\.53 did not check it/,
    )
  })
  test('broken: SERVFAIL, but an answer with checking disabled', async () => {
    const { document } = await run(['www.a.test'], { world: withAnswer(false, 'SERVFAIL', 3) })
    expect(all(document).map(line).join('\n')).toMatch(
      /failed dnssec: .*the DNSSEC of the zone is broken → .*DS record/,
    )
    expect(exitStatus(probeErrors(document))).toBe(6)
  })
  test('SERVFAIL with and without checking is not blamed on DNSSEC', async () => {
    const { document } = await run(['www.a.test'], { world: withAnswer(false, 'SERVFAIL', 2) })
    expect(all(document).map(line).join('\n')).not.toContain('DNSSEC of the zone')
  })
})

test('of two views both are shown', async () => {
  const outside = '198.51.100.53'
  const world = (plain: World): World => ({
    ...plain,
    dns: {
      ...plain.dns,
      query: async (question, where) => {
        if (where.server !== outside) return plain.dns.query(question, where)
        const answer = await plain.dns.query(question, { ...where, server: fakeResolver })
        const answers = answer.answers.map(r =>
          r.type === 'NS' && r.name === 'a.test' ? { ...r, data: 'ns1.a.test' } : r,
        )
        return { ...answer, answers }
      },
    },
  })
  const { document } = await run(['www.a.test'], { world, resolvers: [outside] })
  expect(all(document).map(line).join('\n')).toMatch(
    /warning view: two views: 198\.51\.100\.53 see the zone a\.test at ns1\.a\.test; the machine's own, 203\.0\.113\.53, see the zone a\.test at ns1\.a\.test, ns2\.a\.test/,
  )
})

describe('within a minute, whatever hangs', () => {
  const never = () => new Promise<never>(() => {})
  const hanging: [what: string, options: Options][] = [
    ['the CA', { fetch: never }],
    ['the provider that places', { provider: { present: never } }],
    ['the provider that removes', { provider: { cleanup: never } }],
    ['every resolver', { world: w => ({ ...w, dns: { ...w.dns, query: never } }) }],
    [
      'every server',
      {
        world: w => ({
          ...w,
          dns: { ...w.dns, query: (q, where) => (where.recursion ? w.dns.query(q, where) : never()) },
        }),
      },
    ],
  ]
  for (const [what, options] of hanging)
    test(what, { timeout: 10_000 }, async () => {
      const { document, seconds } = await run(['www.a.test', 'x.b.test'], { ...options, patient: false })
      expect(seconds).toBeLessThanOrEqual(60)
      expect(not('ok', document)).not.toEqual([])
    })
})

test('while another run holds the lock nothing is placed', async () => {
  let release = (): void => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  const { document, events } = await run(['www.a.test'], {
    before: async world => {
      const other = { ...world, self: { ...world.self, pid: 2 } }
      const { signal } = new AbortController()
      const options = { waitSeconds: 0, command: 'dns01 reconcile', signal }
      const state = await StateDir.open(other, root)
      await new Promise<void>(resolve => {
        void withLock(other, state, options, async () => {
          resolve()
          await released
        })
      })
    },
  })
  release()
  expect(all(document).map(line).join('\n')).toMatch(/failed rights: .*dns01 reconcile/)
  expect(exitStatus(probeErrors(document))).toBe(5)
  expect(events).toEqual([])
})

test('the clock by the CA’s Date', () => {
  const at = (text: string) => new Date(`2026-01-01T${text}Z`)
  const date = 'Thu, 01 Jan 2026 12:00:00 GMT'
  const table: [string, string, string | undefined, RegExp | undefined][] = [
    ['12:00:00.900', '12:00:01', date, /^ok.*within a second/],
    ['11:59:59', '12:00:05', date, /^ok.*within a second/],
    ['12:00:31', '12:00:32', date, /^ok.*30 s ahead/],
    ['12:03:01', '12:03:02', date, /^warning.*180 s ahead/],
    ['11:40:00', '11:40:01', date, /^failed.*1199 s behind.*timedatectl/],
    ['12:00:00', '12:00:00', undefined, undefined],
    ['12:00:00', '12:00:00', 'yesterday', undefined],
  ]
  for (const [began, ended, header, says] of table) {
    const [finding] = clockFinding(header, at(began), at(ended))
    if (says) expect(line(finding as Finding)).toMatch(says)
    else expect(finding).toBeUndefined()
  }
})

import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { parseName } from '../../../src/core/names.js'
import { plain } from '../../../src/core/styled.js'
import type { Target } from '../../../src/core/target.js'
import { type StatusDocument, statusDocument, type TargetStatus } from '../../../src/renew/status.js'
import { aboutNames } from '../../../src/renew/status-text.js'
import { stateOf } from '../../../src/renew/urgency.js'
import * as detail from '../../../src/report/status-detail.js'
import * as table from '../../../src/report/status-table.js'
import type { Certificate } from '../../../src/state/certificates.js'
import type { Failure } from '../../../src/state/ledger.js'
import type { StateDir } from '../../../src/state/state-dir.js'
import { day, certificate as heldCertificate, target as heldTarget, noon } from '../../fakes/held.js'

const clock = {
  now: () => noon,
  sleep: async () => {},
  deadline: () => new AbortController().signal,
}

const target = (names: readonly string[], more: Partial<Target> = {}): Target =>
  heldTarget(`${names[0]}-file`, names, { ca: 'https://ca.example:14000/dir', ...more })

const certificate = (id: string, names: readonly string[], until: string): Certificate =>
  heldCertificate(id, names, {
    facts: { notBefore: day('2026-04-01'), notAfter: day(until), keyId: id },
    accountId: undefined,
    keyId: undefined,
  })

interface Disk {
  readonly targets?: readonly Target[]
  readonly problems?: readonly Dns01Error[]
  readonly certificates?: readonly Certificate[]
  readonly links?: Readonly<Record<string, string>>
  readonly left?: number
  /** Key id → how many days it has been there. */
  readonly keys?: Readonly<Record<string, number>>
  readonly failures?: Readonly<Record<string, Failure>>
  /** `CA NAME` → when its record ends. */
  readonly recordEnds?: Readonly<Record<string, Date>>
}

const documentOf = (disk: Disk) => {
  const { targets = [], problems = [], certificates = [], links = {}, left = 0, failures = {}, keys = {} } = disk
  const { recordEnds = {} } = disk
  return statusDocument({ clock, env: {} }, {
    root: '/var/lib/acme',
    exists: () => true,
    confText: () => '',
    targets: () => ({ targets, problems }),
    certificates: () => certificates,
    links: () => new Map(Object.entries(links)),
    accounts: () => [{ id: 'ca.example%3a14000%2fdir/key', server: 'ca.example%3a14000%2fdir', keyId: 'key' }],
    journal: { entries: () => Array(left).fill({}) },
    ledger: () => ({
      ...{ failures: new Map(Object.entries(failures)), validations: new Map(), orders: new Map() },
      recordEnds: new Map(Object.entries(recordEnds)),
    }),
    defaults: () => target(['conf.target']),
    keyIds: () => new Set(Object.keys(keys)),
    keyMadeAt: (id: string) => new Date(clock.now().getTime() - (keys[id] ?? 0) * 86_400_000),
  } as unknown as StateDir)
}

const statusLines = (...args: Parameters<typeof table.statusLines>) => table.statusLines(...args).map(plain)
const detailLines = (document: StatusDocument, now: Date) => detail.detailLines(document, now).map(plain)

const linesOf = (disk: Disk, reader: table.Reader = { columns: undefined, whole: false }) =>
  statusLines(documentOf(disk), clock.now(), reader)

describe('status', () => {
  test('with nothing wanted says how to want', () => {
    expect(linesOf({})).toEqual(['nothing is wanted yet: dns01 want NAME'])
  })

  test('tells of records of dns-persist-01 that end within 30 days or before the certificate, of each once', () => {
    const at = (day: string) => new Date(`${day}T00:00:00Z`)
    const dns = { settings: {}, method: 'dns-persist-01' as const }
    const key = 'ca.example%3a14000%2fdir'
    const disk: Disk = {
      targets: [
        ...[target(['a.test', '*.a.test'], { dns }), target(['b.test'], { dns }), target(['c.test'], { dns })],
        ...[target(['d.test']), target(['e.test'], { dns: { settings: {}, method: 'auto' } })],
      ],
      certificates: [certificate('c1', ['a.test', '*.a.test'], '2026-08-01')],
      recordEnds: {
        [`${key} a.test`]: at('2026-07-31'),
        [`${key} *.a.test`]: at('2026-07-31'),
        [`${key} b.test`]: at('2026-07-02'),
        [`${key} c.test`]: at('2026-06-30'),
        [`${key} d.test`]: at('2026-06-02'),
      },
    }
    expect(linesOf(disk).filter(line => line.includes('record'))).toEqual([
      '! c.test: the record at _validation-persist.c.test counts until 2026-06-30T00:00Z only: after that c.test cannot be renewed',
      '! a.test +1: the record at _validation-persist.a.test counts until 2026-07-31T00:00Z only: after that a.test cannot be renewed',
    ])
    expect(linesOf(disk, { columns: undefined, whole: true }).join('\n')).toContain(
      "(publish it with a later end: dns01 persist 'c.test' --until DATE prints it; then dns01 probe tells of it)",
    )
    expect(linesOf(disk, { columns: undefined, whole: true }).join('\n')).toContain(
      "dns01 persist 'a.test' '*.a.test' --until DATE",
    )
  })

  test('is a table', () => {
    expect(
      linesOf({
        targets: [
          target(['www.a.test', 'a.test', 'b.test']),
          target(['c.test']),
          target(['d.test']),
          target(['e.test'], { ca: 'not a URL' }),
        ],
        certificates: [
          certificate('c1', ['www.a.test', 'a.test', 'b.test'], '2026-08-01'),
          certificate('c2', ['c.test'], '2026-06-10'),
          certificate('c3', ['d.test'], '2026-08-01'),
        ],
        links: { 'www.a.test': 'c1', 'a.test': 'c1', 'b.test': 'c1', 'c.test': 'c2', 'd.test': 'old' },
      }),
    ).toEqual([
      'NAME           CA                PROFILE  KEY    LEFT  RENEWS      STATE',
      'e.test         not a URL         -        -      -     -           no certificate yet',
      'd.test         ca.example:14000  -        ecdsa  60 d  2026-07-02  not linked: d.test',
      'c.test         ca.example:14000  -        ecdsa  8 d   2026-05-17  renewal due since 2026-05-17T16:00Z',
      'www.a.test +2  ca.example:14000  -        ecdsa  60 d  2026-07-02  ok',
    ])
  })

  test('an expired certificate has days less than none left', () => {
    const disk = { targets: [target(['a.test'])], certificates: [certificate('c', ['a.test'], '2026-05-30')] }
    expect(linesOf(disk)[1]).toMatch(/-3 d .* expired 2026-05-30$/)
  })

  test('what failed is told: since when, how often, what to do, when it is tried again', () => {
    const failure = {
      code: 'REFUSED',
      message: 'the CA refused (caa)',
      hint: 'open https://unpause.example/x',
      since: new Date('2026-06-01T10:00:00Z'),
      last: new Date('2026-06-01T11:30:00Z'),
      times: 3,
    }
    const failures = {
      'ca.example%3a14000%2fdir a.test': failure,
      'ca.example%3a14000%2fdir b.test': { ...failure, last: new Date('2026-06-01T10:00:00Z'), times: 1 },
    }
    const lines = linesOf({ targets: [target(['a.test']), target(['b.test'])], failures })
    expect(lines[1]).toMatch(/no certificate yet; next try 2026-06-01T13:10Z$/)
    expect(lines[2]).toMatch(/no certificate yet$/)
    expect(lines.slice(3)).toEqual([
      '! a.test: failed 3 times since 2026-06-01T10:00Z: the CA refused (caa)',
      '! b.test: failed since 2026-06-01T10:00Z: the CA refused (caa)',
    ])
    const told = linesOf({ targets: [target(['a.test']), target(['b.test'])], failures }, { columns: 60, whole: true })
    expect(told.slice(4)).toEqual([
      '! a.test: failed 3 times since 2026-06-01T10:00Z: the CA refused (caa) (open https://unpause.example/x); ' +
        'dns01 reconcile --force a.test tries now',
      '! b.test: failed since 2026-06-01T10:00Z: the CA refused (caa) (open https://unpause.example/x); ' +
        'the next run tries again',
    ])
    const cut = linesOf({ targets: [target(['a.test'])], failures }, { columns: 60, whole: false })
    expect(cut.at(-1)).toBe('! a.test: failed 3 times since 2026-0… (dns01 status a.test)')
  })

  test('of a certificate that ends within two days the hours are told', () => {
    const day = certificate('c', ['a.test'], '2026-06-02')
    const facts = {
      ...day.facts,
      notBefore: new Date('2026-06-01T11:00:00Z'),
      notAfter: new Date('2026-06-02T11:00:00Z'),
    }
    const disk = {
      targets: [target(['a.test'])],
      certificates: [{ ...day, facts } as Certificate],
      links: { 'a.test': 'c' },
    }
    expect(linesOf(disk)[1]).toMatch(/ 23 h {2}2026-06-0[12]T\d\d:00Z {2}ok$/)
  })

  test('a certificate of the future is told, since that is mostly a clock of the past', () => {
    const future = certificate('c', ['a.test'], '2026-09-01')
    const facts = { ...future.facts, notBefore: new Date('2026-06-05T08:00:00Z') }
    const disk = {
      targets: [target(['a.test'])],
      certificates: [{ ...future, facts } as Certificate],
      links: { 'a.test': 'c' },
    }
    expect(linesOf(disk)[1]).toMatch(/not valid before 2026-06-05T08:00Z; is the clock right\?$/)
  })

  test.each(['its private key is that of another certificate', 'its file fullchain is damaged'])(
    'what programs read is not ok when %s',
    damage => {
      const broken: Certificate = {
        ...certificate('c', ['a.test'], '2026-09-01'),
        complete: false,
        hasKey: false,
        damage,
      }
      const disk = { targets: [target(['a.test'])], links: { 'a.test': 'c' } }
      for (const one of [broken, { ...broken, facts: undefined }])
        expect(linesOf({ ...disk, certificates: [one] })[1]).toMatch(new RegExp(`what is live is damaged: ${damage}$`))
    },
  )

  test('of one name all is told: names, dates, issuer, where its files are, what is wrong', () => {
    const document = documentOf({
      targets: [target(['a.test', '*.a.test']), target(['b.test'])],
      certificates: [certificate('c', ['a.test', '*.a.test'], '2026-08-01')],
      links: { 'a.test': 'c', '*.a.test': 'c' },
    })
    expect(detailLines(aboutNames(document, [parseName('*.a.test')]), clock.now())).toEqual([
      'a.test, *.a.test',
      '  state        ok',
      '  valid        2026-04-01T00:00Z until 2026-08-01T00:00Z (60 d left)',
      '  renewed      from 2026-07-02T00:00Z: it ends 30 days later',
      '  issuer       CN=CA',
      '  key type     ecdsa',
      '  certificate  /var/lib/acme/live/a.test/fullchain',
      '  key          /var/lib/acme/live/a.test/privkey',
      '  stored in    /var/lib/acme/certs/c',
      '  target       /var/lib/acme/desired/a.test-file',
      '  CA           https://ca.example:14000/dir',
    ])
  })

  const chosen = new Date('2026-07-10T00:00:00Z')
  const renewalInfo = {
    start: new Date('2026-07-09T12:00:00Z'),
    end: new Date('2026-07-10T12:00:00Z'),
    chosen,
    asked: new Date('2026-06-01T06:00:00Z'),
    explanationUrl: 'https://ca.example/docs/why',
  }
  const asked: Certificate = {
    ...certificate('c', ['a.test'], '2026-08-01'),
    renewal: { askAgain: new Date('2026-06-01T18:00:00Z'), window: renewalInfo },
  }
  const says = 'the CA asks for renewal between 2026-07-09T12:00Z and 2026-07-10T12:00Z (asked 2026-06-01T06:00Z)'

  test('what the CA says of when to renew is told: the window, when it was asked, and where it says why', () => {
    const document = documentOf({ targets: [target(['a.test'])], certificates: [asked], links: { 'a.test': 'c' } })
    expect(detailLines(document, clock.now())).toEqual(
      expect.arrayContaining([
        `  renewed      from 2026-07-09T18:00Z: ${says}`,
        '  the CA says  https://ca.example/docs/why',
      ]),
    )
    expect(document.targets[0]).toMatchObject({
      renewAt: new Date('2026-07-09T18:00:00Z'),
      renewBecause: says,
      renewalInfo: { ...renewalInfo, askAgain: new Date('2026-06-01T18:00:00Z') },
    })
  })

  test('where a margin is written down and comes first, it is told beside the window', () => {
    const targets = [target(['a.test'], { marginGiven: true, marginDays: 30 })]
    const document = documentOf({ targets, certificates: [asked], links: { 'a.test': 'c' } })
    expect(detailLines(document, clock.now())).toContain(
      `  renewed      from 2026-07-02T00:00Z: it ends 30 days later, while ${says}`,
    )
  })

  test('before anything is set up it says what to do first', () => {
    const told = (setUp: StatusDocument['setUp']) =>
      statusLines({ ...documentOf({}), setUp }, clock.now(), { columns: undefined, whole: false })
    expect(told('empty')).toEqual(['nothing is set up: dns01 quickstart'])
    expect(told('none')).toEqual(['there is no state directory /var/lib/acme: dns01 quickstart sets one up'])
  })

  test('what a partial certificate lacks is named, and since when', () => {
    const since = new Date('2026-05-20T10:00:00Z')
    const failure = { code: 'REFUSED', message: 'no', since, last: since, times: 1 }
    const lines = linesOf({
      targets: [target(['a.test', 'b.test', 'c.test'], { partial: true })],
      certificates: [certificate('c', ['a.test'], '2026-08-01')],
      links: { 'a.test': 'c' },
      failures: { 'ca.example%3a14000%2fdir b.test': failure },
    })
    expect(lines[1]).toMatch(/not in the certificate yet: b.test, c.test$/)
    expect(lines.at(-1)).toBe('! a.test +2: missing b.test since 2026-05-20T10:00Z, c.test')
  })

  test('what is wrong comes below', () => {
    const problems = [
      new Dns01Error('CONFIG', 'desired/x:3: no YAML'),
      new Dns01Error('CONFIG', 'desired/y: no names', { hint: 'add one' }),
    ]
    expect(linesOf({ problems, left: 2 }).slice(1)).toEqual([
      '! desired/x:3: no YAML',
      '! desired/y: no names (add one)',
      '! an earlier run left TXT records; the next reconcile removes them',
    ])
  })

  test('keys that have had no certificate for a week are told, and who removes them', () => {
    const used = certificate('cert', ['a.test'], '2026-08-01')
    const keys = { cert: 60, chosen: 60, young: 6.9, stray: 7.1, another: 60 }
    const disk = { targets: [target(['a.test'], { key: { ...target(['a.test']).key, id: 'chosen' } })], keys }
    expect(documentOf({ ...disk, certificates: [used] }).unusedKeys).toBe(2)
    expect(linesOf({ ...disk, certificates: [used] }).at(-1)).toBe(
      '! keys that have had no certificate for a week: 2; dns01 cull removes them',
    )
    expect(documentOf({ ...disk, problems: [new Dns01Error('CONFIG', 'who knows')] }).unusedKeys).toBe(0)
  })

  test('the document has every name, date and link', () => {
    const { targets, ...rest } = documentOf({
      targets: [target(['a.test', 'b.test'])],
      certificates: [certificate('c', ['a.test', 'b.test'], '2026-08-01')],
      links: { 'a.test': 'c' },
      left: 1,
    })
    expect(rest).toEqual({
      stateDirectory: '/var/lib/acme',
      setUp: 'yes',
      accounts: ['ca.example%3a14000%2fdir/key'],
      problems: [],
      recordsLeft: 1,
      unusedKeys: 0,
    })
    expect(targets).toEqual([
      {
        file: 'a.test-file',
        names: ['a.test', 'b.test'],
        ca: 'https://ca.example:14000/dir',
        certificate: 'c',
        keyType: 'ecdsa',
        issuer: 'CN=CA',
        live: 'live/a.test',
        notBefore: new Date('2026-04-01T00:00:00Z'),
        notAfter: new Date('2026-08-01T00:00:00Z'),
        daysLeft: 60,
        renewAt: new Date('2026-07-02T00:00:00Z'),
        renewBecause: 'it ends 30 days later',
        due: undefined,
        missing: [],
        waits: undefined,
        failure: undefined,
        unlinked: ['b.test'],
        urgency: 'troubled',
        recordsEnd: [],
      },
    ])
  })

  test('a certificate of a staging CA is told as such', () => {
    const accountId = 'acme-staging-v02.api.letsencrypt.org%2fdirectory/KEY'
    const { targets } = documentOf({
      targets: [target(['a.test'], { ca: 'https://acme-staging-v02.api.letsencrypt.org/directory' })],
      certificates: [{ ...certificate('one', ['a.test'], '2026-08-01'), accountId }],
      links: { 'a.test': 'one' },
    })
    expect(targets).toMatchObject([{ staging: true }])
    expect(stateOf(targets[0] as TargetStatus, noon).text).toBe('ok, of a staging CA: nobody trusts it')
  })

  test('a link belongs to the target in front only', () => {
    const { targets } = documentOf({
      targets: [target(['a.test', 'b.test']), target(['a.test'])],
      certificates: [certificate('c', ['a.test', 'b.test'], '2026-08-01')],
    })
    expect(targets.map(t => t.unlinked)).toEqual([['a.test', 'b.test'], []])
  })
})

describe('a certificate of another CA than the one that is asked first', () => {
  const of = (account: string) => {
    const held = { ...certificate('c', ['a.test'], '2026-07-30'), accountId: `${account}/k` }
    return documentOf({ targets: [target(['a.test'])], certificates: [held], links: { 'a.test': 'c' } })
  }
  const now = clock.now()

  test('is shown with both', () => {
    const document = of('second.test%2fdir')
    expect(document.targets[0]).toMatchObject({
      ca: 'https://ca.example:14000/dir',
      certificateCa: 'https://second.test/dir',
    })
    expect(statusLines(document, now, { columns: undefined, whole: false })[1]).toMatch(
      / second\.test instead of ca\.example:14000 /,
    )
    expect(detailLines(document, now).join('\n')).toContain('https://second.test/dir instead of https://ca.example')
  })

  test.each(['ca.example%3a14000%2fdir', ''])('is none where its account is of %j', account => {
    expect(of(account).targets[0]?.certificateCa).toBeUndefined()
  })
})

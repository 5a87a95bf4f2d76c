import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../src/errors.js'
import { parseName } from '../../src/names.js'
import type { Certificate } from '../../src/state/certificates.js'
import type { StateDir } from '../../src/state/state-dir.js'
import { statusDocument, statusLines } from '../../src/status.js'
import type { Target } from '../../src/target.js'

const clock = {
  now: () => new Date('2026-06-01T12:00:00Z'),
  sleep: async () => {},
  deadline: () => new AbortController().signal,
}

function target(names: readonly string[], more: Partial<Target> = {}): Target {
  const parsed = names.map(parseName)
  return {
    file: `${names[0]}-file`,
    names: parsed,
    requestNames: parsed,
    ca: 'https://ca.example:14000/dir',
    key: { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 },
    marginDays: 30,
    priority: 0,
    label: '',
    mustStaple: false,
    partial: false,
    env: {},
    dns: { settings: {} },
    ...more,
  }
}

const certificate = (id: string, names: readonly string[], until: string): Certificate => ({
  id,
  url: `https://ca.example/order/${id}`,
  complete: true,
  revokeWanted: false,
  revoked: false,
  hasKey: true,
  facts: {
    names: names.map(parseName),
    notBefore: new Date('2026-04-01T00:00:00Z'),
    notAfter: new Date(`${until}T00:00:00Z`),
    keyId: id,
    keyType: 'ecdsa',
    issuer: 'CN=CA',
    subject: 'CN=x',
    serial: '01',
    selfSigned: false,
  },
})

interface Disk {
  readonly targets?: readonly Target[]
  readonly problems?: readonly Dns01Error[]
  readonly certificates?: readonly Certificate[]
  readonly links?: Readonly<Record<string, string>>
  readonly left?: number
}

const documentOf = ({ targets = [], problems = [], certificates = [], links = {}, left = 0 }: Disk) =>
  statusDocument({ clock }, {
    root: '/var/lib/acme',
    targets: () => ({ targets, problems }),
    certificates: () => certificates,
    links: () => new Map(Object.entries(links)),
    accounts: () => [{ id: 'ca.example%3a14000%2fdir/key', server: 'ca.example%3a14000%2fdir', keyId: 'key' }],
    journal: { entries: () => Array(left).fill({}) },
  } as unknown as StateDir)

const linesOf = (disk: Disk) => statusLines(documentOf(disk))

describe('status', () => {
  test('with nothing wanted says how to want', () => {
    expect(linesOf({})).toEqual(['nothing is wanted yet: dns01 want NAME'])
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
      'NAME           CA                LEFT  RENEWS      STATE',
      'www.a.test +2  ca.example:14000  60 d  2026-07-02  ok',
      'c.test         ca.example:14000  8 d   2026-05-17  renewal due since 2026-05-17T16:00Z',
      'd.test         ca.example:14000  60 d  2026-07-02  not linked: d.test',
      'e.test         not a URL         -     -           no certificate yet',
    ])
  })

  test('an expired certificate has days less than none left', () => {
    const disk = { targets: [target(['a.test'])], certificates: [certificate('c', ['a.test'], '2026-05-30')] }
    expect(linesOf(disk)[1]).toMatch(/-3 d .* expired 2026-05-30$/)
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

  test('the document has every name, date and link', () => {
    const { targets, ...rest } = documentOf({
      targets: [target(['a.test', 'b.test'])],
      certificates: [certificate('c', ['a.test', 'b.test'], '2026-08-01')],
      links: { 'a.test': 'c' },
      left: 1,
    })
    expect(rest).toEqual({
      stateDirectory: '/var/lib/acme',
      accounts: ['ca.example%3a14000%2fdir/key'],
      problems: [],
      recordsLeft: 1,
    })
    expect(targets).toEqual([
      {
        file: 'a.test-file',
        names: ['a.test', 'b.test'],
        ca: 'https://ca.example:14000/dir',
        certificate: 'c',
        keyType: 'ecdsa',
        notAfter: new Date('2026-08-01T00:00:00Z'),
        daysLeft: 60,
        renewAt: new Date('2026-07-02T00:00:00Z'),
        due: undefined,
        unlinked: ['b.test'],
      },
    ])
  })

  test('a link belongs to the target in front only', () => {
    const { targets } = documentOf({
      targets: [target(['a.test', 'b.test']), target(['a.test'])],
      certificates: [certificate('c', ['a.test', 'b.test'], '2026-08-01')],
    })
    expect(targets.map(t => t.unlinked)).toEqual([['a.test', 'b.test'], []])
  })
})

// What a report is made of, for tests and pictures: so many certificates of a hundred days' history, some of them ill.

import type { TargetStatus } from '../../src/renew/status.js'
import type { ReportFacts } from '../../src/report/html-facts.js'
import type { RunRecord } from '../../src/state/history.js'

export const NOW = new Date('2026-11-22T09:30:00Z')
const CA = 'https://acme-v02.api.letsencrypt.org/directory'
const hours = (count: number): Date => new Date(NOW.getTime() + count * 3_600_000)
const days = (count: number): Date => hours(24 * count)

/** A certificate of 90 days that was got `age` days ago, and is well. */
export function target(name: string, age: number, more: Partial<TargetStatus> = {}): TargetStatus {
  return {
    file: name,
    names: [name] as never,
    ca: CA,
    certificate: 'q3zk5xw2v7n4m6p'.repeat(4).slice(0, 52),
    keyType: 'ecdsa nistp256',
    issuer: "CN=E7, O=Let's Encrypt, C=US",
    live: `live/${name}`,
    notBefore: days(-age),
    notAfter: days(90 - age),
    daysLeft: 90 - age,
    renewAt: days(60 - age),
    renewBecause: 'a third of its life is left then',
    missing: [],
    recordsEnd: [],
    unlinked: [],
    urgency: 'ok',
    ...more,
  }
}

const failure = {
  code: 'REFUSED',
  message:
    'the CA refused _acme-challenge.mail.example.com: no TXT record found there (urn:ietf:params:acme:error:dns)',
  hint: 'dns01 probe mail.example.com shows what each server answers',
  since: hours(-30),
  last: hours(-6),
  times: 3,
  nextTry: hours(6),
}

/** Worst first. */
const ILL: readonly TargetStatus[] = [
  target('old.example.com', 92, {
    urgency: 'broken',
    due: 'its certificate has expired',
    failure: { ...failure, message: 'name servers of example.com do not answer' },
  }),
  target('mail.example.com', 75, {
    urgency: 'troubled',
    due: 'its certificate is to be renewed',
    failure,
    waits: { until: hours(6), because: 'it failed' },
  }),
  target('shop.example.com', 61, { urgency: 'due', due: 'its certificate is to be renewed' }),
]

const run = (more: Partial<RunRecord>): RunRecord => ({
  started: NOW,
  ended: NOW,
  seconds: 14.2,
  times: 1,
  command: 'dns01 --batch reconcile',
  exit: 0,
  issued: [],
  failures: [],
  counts: { issued: 0, revoked: 0, linked: 0, failed: 0, waiting: 0, dnsChanges: 0 },
  orders: {},
  ...more,
})

const RUNS: readonly RunRecord[] = [
  run({
    started: days(-30),
    ended: days(-30),
    issued: ['www.example.com +2'],
    counts: { issued: 1, revoked: 0, linked: 3, failed: 0, waiting: 0, dnsChanges: 2 },
    orders: { 'acme-v02.api.letsencrypt.org%2fdirectory': 1 },
  }),
  run({
    started: days(-3),
    command: 'dns01 reconcile',
    ended: undefined,
    seconds: undefined,
    exit: undefined,
    failures: [{ subject: 'run', code: 'KILLED', message: 'it was killed, or the machine went down' }],
    counts: { issued: 0, revoked: 0, linked: 0, failed: 1, waiting: 0, dnsChanges: 0 },
  }),
  run({
    started: hours(-30),
    ended: hours(-6),
    times: 3,
    seconds: 31,
    exit: 6,
    failures: [{ subject: 'mail.example.com', code: 'REFUSED', message: failure.message }],
    counts: { issued: 0, revoked: 0, linked: 0, failed: 1, waiting: 1, dnsChanges: 6 },
    orders: { 'acme-v02.api.letsencrypt.org%2fdirectory': 3 },
  }),
]

const subdomains = ['www', 'vault', 'git', 'wiki', 'ldap', 'db', 'grafana', 'registry', 'backup', 'ci'] as const

/** `count` certificates, their ages spread evenly, the ill ones among them. */
export function reportFacts(count: number, more: Partial<ReportFacts> = {}): ReportFacts {
  const well = Math.max(0, count - ILL.length)
  const targets = Array.from({ length: well }, (_, i) => {
    const name = `${subdomains[i % subdomains.length]}${i < subdomains.length ? '' : Math.floor(i / subdomains.length)}.example.com`
    const names = i === 0 ? [name, 'example.com', '*.apps.example.com'] : [name]
    return target(name, ((i * 37) % 59) + 0.3, {
      names: names as never,
      renewBecause: i % 3 ? 'a third of its life is left then' : 'the CA asks for it',
    })
  })
  return {
    now: NOW,
    host: 'gate.example.com',
    document: {
      stateDirectory: '/var/lib/acme',
      setUp: 'yes',
      accounts: ['acme-v02.api.letsencrypt.org%2fdirectory/abc'],
      targets: [...targets, ...ILL.slice(0, count)],
      problems: [],
      recordsLeft: 0,
      unusedKeys: 0,
    },
    runs: RUNS,
    lastQuiet: hours(-0.4),
    cas: [
      {
        ca: CA,
        targets: count,
        accounts: 1,
        ordersOfTheWeek: 4,
        orders: { made: 2, most: 300, nextAt: NOW },
        failedValidations: { name: 'mail.example.com', times: 1, most: 5 },
      },
    ],
    ...more,
  }
}

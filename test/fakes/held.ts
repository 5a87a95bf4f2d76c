import { type Name, parseName } from '../../src/core/names.js'
import type { Target } from '../../src/core/target.js'
import type { Certificate } from '../../src/state/certificates.js'
import type { Failure } from '../../src/state/ledger.js'
import type { CertificateFacts } from '../../src/x509/certificate.js'

/** Targets and certificates as values, for tables of decisions. */

export const names = (...texts: string[]): Name[] => texts.map(parseName)
/** What is now, in most tables. */
export const noon = new Date('2026-06-01T12:00:00Z')
export const ago = (minutes: number): Date => new Date(noon.getTime() - minutes * 60_000)
export const day = (date: string): Date => new Date(`${date}T00:00:00Z`)

export function target(file: string, wanted: readonly string[], more: Partial<Target> = {}): Target {
  return {
    file,
    names: names(...wanted),
    requestNames: more.requestNames ?? names(...wanted),
    ca: 'https://ca.example/directory',
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

/** Complete, with its key, valid from 2026-05-01 until 2026-07-30. */
export function certificate(
  id: string,
  has: readonly string[],
  { facts, ...more }: Partial<Omit<Certificate, 'facts'>> & { facts?: Partial<CertificateFacts> } = {},
): Certificate {
  return {
    id,
    url: `https://ca.example/order/${id}`,
    complete: true,
    revokeWanted: false,
    revoked: false,
    hasKey: true,
    accountId: 'ca.example%2fdirectory/account',
    keyId: `key-${id}`,
    facts: {
      names: names(...has),
      notBefore: day('2026-05-01'),
      notAfter: day('2026-07-30'),
      keyId: `key-${id}`,
      keyType: 'ecdsa',
      issuer: 'CN=CA',
      subject: 'CN=x',
      serial: '01',
      selfSigned: false,
      ...facts,
    },
    ...more,
  }
}

export const failure = (times: number, minutesAgo: number, more: Partial<Failure> = {}): Failure => ({
  code: 'REFUSED',
  message: 'no',
  since: ago(5000),
  last: ago(minutesAgo),
  times,
  ...more,
})

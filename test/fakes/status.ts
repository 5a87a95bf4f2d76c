import { parseName } from '../../src/core/names.js'
import type { StatusDocument, TargetStatus } from '../../src/renew/status.js'
import { stateOf } from '../../src/renew/urgency.js'

/** What `status` knows of some certificates, without a state directory. */

export const statusNow = new Date('2026-11-21T16:00:00Z')

export const inDays = (days: number): Date => new Date(statusNow.getTime() + days * 86_400_000)

const publicCa = 'https://acme-v02.api.letsencrypt.org/directory'

/** A target whose certificate is well; `days`: when it began, ends and is renewed, from now. */
export function aTarget(
  names: readonly string[],
  days: { readonly began: number; readonly ends: number; readonly renewed: number } | undefined,
  more: Partial<TargetStatus> = {},
): TargetStatus {
  const dates = days && {
    ...{ certificate: 'c', keyType: 'ecdsa', live: `live/${names[0]}` },
    ...{ notBefore: inDays(days.began), notAfter: inDays(days.ends), renewAt: inDays(days.renewed) },
  }
  const known = {
    ...{
      file: `${names[0]}-file`,
      names: names.map(parseName),
      ca: publicCa,
      missing: [],
      unlinked: [],
      recordsEnd: [],
    },
    ...dates,
    ...more,
  }
  return { ...known, urgency: stateOf(known, statusNow).urgency }
}

export const aDocument = (targets: readonly TargetStatus[], more: Partial<StatusDocument> = {}): StatusDocument => ({
  ...{
    stateDirectory: '/var/lib/acme',
    setUp: 'yes',
    accounts: [],
    targets,
    problems: [],
    recordsLeft: 0,
    unusedKeys: 0,
  },
  ...more,
})

export const well = (name: string): TargetStatus => aTarget([name], { began: -30, ends: 60, renewed: 30 })

/** One of each kind, as a house of some years has them. */
export const household: readonly TargetStatus[] = [
  aTarget(['www.example.com', 'example.com', '*.example.com'], { began: -30, ends: 60, renewed: 30 }),
  aTarget(['mail.example.com'], { began: -62, ends: 28, renewed: -2 }, { due: 'renewal due since 2026-11-19T16:00Z' }),
  aTarget(
    ['ldap.example.com', 'ldap2.example.com'],
    { began: -80, ends: 10, renewed: -20 },
    {
      due: 'renewal due since 2026-11-01T16:00Z',
      waits: { until: inDays(0.3), because: 'it failed' },
      failure: {
        ...{ code: 'REFUSED', times: 3, since: inDays(-3), last: inDays(-1), nextTry: inDays(0.3) },
        message: '192.0.2.1 answered REFUSED: the server does not let this key change the zone',
      },
    },
  ),
  aTarget(['printer.example.com'], { began: -93, ends: -3, renewed: -33 }, { due: 'expired 2026-11-18' }),
  aTarget(
    ['vault.corp.example'],
    { began: -0.5, ends: 0.5, renewed: 0.1 },
    { ca: 'https://ca.corp.example:9000/acme/acme/directory' },
  ),
]

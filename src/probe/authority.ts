/** What probe finds out about the CA: whether its directory can be read, and how far our clock is off from its own. */

import { type Directory, objectsOf } from '../acme/objects.js'
import { userAgent } from '../acme/transport.js'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { reachable } from '../renew/authorities.js'
import { bounded, type Finding, failed, limits, ok, warning } from './finding.js'

/**
 * How far this machine's clock may be from the CA's: beyond a minute it is a warning, beyond five a failure, since TSIG and
 * AWS refuse what is five minutes off (RFC 8945 §10: a fudge of 300 s is recommended; Signature Version 4).
 */
const toldSeconds = 60
const refusedSeconds = 300

/** What is known of a CA afterwards. Never an error: one that cannot be reached has a finding, and no identities. */
interface Authority {
  readonly findings: readonly Finding[]
  /** What a CAA record may name to allow this CA; none when it does not say or cannot be reached. */
  readonly identities: readonly string[]
}

/**
 * One request: the directory, and the clock by the answer's Date. Not by the ACME client, which asks again for half a minute
 * when a CA is down, and hands on no header.
 */
export async function lookAtAuthority(
  world: Pick<World, 'fetch' | 'clock'>,
  ca: string,
  signal: AbortSignal,
): Promise<Authority> {
  let directory: Directory | undefined // kept outside: a finding after it must not lose what it says of CAA
  const seconds = limits.authoritySeconds
  const findings = await bounded(world, { check: 'ca', seconds, signal }, async until => {
    const url = reachable(ca)
    if (!URL.canParse(url)) throw new Dns01Error('CONFIG', `${JSON.stringify(url)} is not a URL`)
    const began = world.clock.now()
    const headers = { 'user-agent': userAgent }
    const answer = await world.fetch(new URL(url), { method: 'GET', headers, signal: until, timeoutSeconds: seconds })
    const clock = clockFinding(answer.headers.date, began, world.clock.now())
    // the clock all the same: an answer that is no directory has a Date, too
    if (answer.status !== 200) return [unusable(url, `HTTP status ${answer.status}`), ...clock]
    try {
      directory = objectsOf(url).directory(JSON.parse(Buffer.from(answer.body).toString()), `the directory ${url}`)
    } catch (error) {
      return [unusable(url, error instanceof Dns01Error ? error.message : 'it is not JSON'), ...clock]
    }
    return [directoryFinding(url, directory), ...clock]
  })
  return { findings, identities: directory?.caaIdentities ?? [] }
}

/** CONFIG, as for a run: it is the user's file that names the URL. */
const unusable = (url: string, why: string): Finding =>
  failed(
    'ca',
    `${url} gives no ACME directory: ${why}`,
    'is this the URL of the directory? conf/target names it',
    'CONFIG',
  )

/** With what a user must know before the first order, and what a CAA record may say. */
function directoryFinding(url: string, { externalAccountRequired, caaIdentities }: Directory): Finding {
  const more = [
    ...(externalAccountRequired ? ['requires an external account binding'] : []),
    ...(caaIdentities.length > 0 ? [`CAA name ${caaIdentities.join(', ')}`] : []),
  ]
  return ok('ca', `${url} answers${more.length > 0 ? ` (${more.join('; ')})` : ''}`)
}

/** `date`: the Date header, whole seconds (RFC 9110 §5.6.7); `began`, `ended`: our clock around the exchange. */
export function clockFinding(date: string | undefined, began: Date, ended: Date): Finding[] {
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return []
  // Their clock was read at some moment between these two, and the fraction of its second is cut off. So ours is wrong only
  // by what cannot be explained by either.
  const early = (began.getTime() - theirs - 1000) / 1000
  const late = (ended.getTime() - theirs) / 1000
  const offSeconds = early > 0 ? early : late < 0 ? late : 0
  const away = `${Math.round(Math.abs(offSeconds))} s ${offSeconds > 0 ? 'ahead of' : 'behind'} the CA's`
  // ahead is as bad as behind: a new certificate is not valid yet to a clock that is behind, and its end comes early to one ahead
  const mend = 'set the clock (timedatectl set-ntp true): certificates and signatures are judged by it'
  if (Math.abs(offSeconds) > refusedSeconds) return [failed('clock', `this machine's clock is ${away}`, mend)]
  if (Math.abs(offSeconds) > toldSeconds) return [warning('clock', `this machine's clock is ${away}`, mend)]
  return [ok('clock', `right, by the CA's (${offSeconds === 0 ? 'within a second' : away})`)]
}

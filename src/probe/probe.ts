/**
 * The whole of `dns01 probe`: all checks of all names side by side, then a trial of the provider with one value a name, under
 * the lock. Where a check is done by the engine, the engine's own function does it here (locating, publishing, withdrawing):
 * a doctor that looks in another way finds another patient. The checks before the trial change nothing and need no lock.
 */

import { accountLabel } from '../acme/challenge.js'
import type { DnsConfig } from '../config/dns-config.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { accountChallengeName, challengeName, type Name, persistName, withoutWildcard } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import { hostnameOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { Standing } from '../dns/standing.js'
import { followCnames } from '../dns/zone.js'
import { ourAccount } from '../manage/accounts.js'
import { withResolvers } from '../provider/dns-context.js'
import { type Providers, settingValues } from '../provider/loader.js'
import type { LocatedRecord, RecordRequest } from '../publish/locate.js'
import { Publisher, type PublisherParts } from '../publish/publisher.js'
import { recordKey } from '../state/ledger-keys.js'
import { withLock } from '../state/lock.js'
import { StateDir } from '../state/state-dir.js'
import { lookAtAuthority } from './authority.js'
import { lookAtCaa } from './caa.js'
import { type Look, lookAtDnssec, lookAtServers, lookAtViews, lookForWildcard } from './dns-checks.js'
import {
  bounded,
  type Check,
  type Finding,
  failure,
  limits,
  ok,
  type ProbeDocument,
  skipped,
  warning,
} from './finding.js'
import { type RecordFound, RecordLooks } from './record.js'
import { type Trial, tryRights } from './rights.js'

/** A name to probe, and how its certificate would be asked for. */
export interface Wanted extends Pick<Target, 'ca' | 'dns' | 'env'> {
  readonly name: Name
}

/** What probe works with. `commandLine` stands in the lock, for a run that waits for it. */
export interface ProbeParts {
  readonly world: World
  readonly config: DnsConfig
  readonly providers: Providers
  readonly resolver: PublisherParts['resolver']
  readonly stateRoot: string
  readonly commandLine: string
  readonly signal: AbortSignal
}

/** What was found out about one name before the trial; what the trial needs is kept beside the findings. */
interface Examined {
  readonly wanted: Wanted
  readonly findings: readonly Finding[]
  readonly located: LocatedRecord | undefined
  /** TXT values that stand there now. */
  readonly values: readonly string[]
  /** A record stands that proves the name, or should: there is nothing to write. */
  readonly byRecord: boolean
  /** That record, if it was looked at. */
  readonly record: RecordFound | undefined
}

/**
 * Looks at all that a certificate for these names depends on, and tries the provider with one value a name. Takes less
 * than a minute, whatever does not answer. Changes nothing but that value, and in the ledger when records end. What is wrong
 * with CA, DNS or provider is a finding, in the order of `wanted`. Price: a directory for each CA, and for each name what
 * the looks say.
 * @throws the signal's reason, and bugs
 */
export async function probe(parts: ProbeParts, wanted: readonly Wanted[]): Promise<ProbeDocument> {
  const { world, signal } = parts
  // each CA once, however many names it signs, and at the same time as the names
  const cas = [...new Set(wanted.map(({ ca }) => ca))]
  const asked = new Map(cas.map(ca => [ca, awaitedLater(lookAtAuthority(world, ca, signal))]))
  const identitiesOf = async (ca: string): Promise<readonly string[]> => (await asked.get(ca))?.identities ?? []
  const examined = await Promise.all(wanted.map(one => examine(parts, one, () => identitiesOf(one.ca))))
  // after the looks: which trials are harmless is known from the values that they have found
  const rights = await tryAll(parts, examined)
  await rememberRecords(parts, examined)
  return {
    authorities: await Promise.all(cas.map(async ca => ({ ca, findings: (await asked.get(ca))?.findings ?? [] }))),
    names: examined.map((one, i) => ({ name: one.wanted.name, findings: [...one.findings, ...(rights[i] ?? [])] })),
  }
}

/** Its failure is for whoever awaits it; node would end the process when it comes before anybody does. */
function awaitedLater<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/**
 * All that can be seen without changing anything. In two steps: where the value belongs, which most of the checks need, and
 * then these, side by side. A check that fails leaves its findings and what it could not find out undefined.
 */
async function examine(
  parts: ProbeParts,
  wanted: Wanted,
  identities: () => Promise<readonly string[]>,
): Promise<Examined> {
  const { world, resolver, signal } = parts
  const within = (
    check: Check,
    look: (look: Look) => Promise<readonly Finding[]>,
    seconds: number = limits.lookSeconds,
  ) => bounded(world, { check, seconds, signal }, until => look({ world, resolver, signal: until }))
  world.log.step({ subject: wanted.name, stage: 'looking for its zone' })
  const proof = await whereProved(parts, wanted)
  if (proof.at === undefined) {
    world.log.step({ subject: wanted.name })
    const { findings, byRecord, record } = proof
    return { wanted, located: undefined, values: [], findings, byRecord, record }
  }
  const { at: name, standing } = proof
  let located: LocatedRecord | undefined
  let chain: readonly Name[] = []
  let values: readonly string[] = []
  const place = await within(
    'zone',
    async look => {
      if (standing) return []
      located = await locate(parts, wanted, name, look.signal)
      return [zoneFinding(located)]
    },
    limits.locateSeconds,
  )
  // undefined where nothing was found; each check below says what it can without
  const end = standing?.name ?? located?.record.name
  const zone = standing?.zone ?? located?.zone
  world.log.step({ subject: wanted.name, stage: 'asking its servers, and those above' })
  const looks = await Promise.all([
    Promise.resolve(proof.findings),
    within('caa', async look => lookAtCaa(resolver, wanted, await identities(), look.signal)),
    within('dnssec', look => lookAtDnssec(look, name, zone?.apex)),
    // up to where the provider takes over: nobody else may be able to answer for what comes after
    within('cname', async look => {
      chain = (await followCnames(resolver, name, look.signal, async at => at === end)).chain
      return [cnameFinding(chain), ...(await lookForWildcard(look, chain))]
    }),
    Promise.resolve(place), // was found first, and stands here in the report
    within('delegation', look => lookAtGuide(parts, { ...wanted, at: name }, located, look)),
    within('servers', async look => {
      // a name server that runs only while dns01 does would be found silent
      if (!zone || !end || located?.by.definition.ephemeral) return []
      const found = await lookAtServers(look, zone, end)
      values = found.values
      return found.findings
    }),
    within('view', look => lookAtViews(look, name, zone, hostnameOf(wanted.ca))),
  ])
  world.log.step({ subject: wanted.name })
  return { wanted, located, values, findings: looks.flat(), byRecord: proof.byRecord, record: proof.record }
}

/** Where a name is proved. */
interface ProvedAt {
  /** undefined: it cannot be told, and the findings say why. */
  readonly at: Name | undefined
  readonly findings: readonly Finding[]
  readonly byRecord: boolean
  readonly record?: RecordFound | undefined
  /** What stands there, if that is what is looked at. */
  readonly standing?: Standing | undefined
}

/**
 * By the method: two of them take a look at our account at the CA first. For dns-account-01 its URL is part of the name; a
 * record of dns-persist-01 names it. Without an account the first leaves nothing to look at, and the findings say so; with
 * `auto` what comes of the record decides whether dns-01 is looked at instead.
 */
async function whereProved(parts: ProbeParts, wanted: Wanted): Promise<ProvedAt> {
  const { world, signal } = parts
  const seconds = limits.authoritySeconds
  const byChallenge = challengeName(wanted.name)
  switch (methodOf(wanted)) {
    case 'dns-01':
      return { at: byChallenge, findings: [], byRecord: false }
    case 'dns-account-01': {
      let at: Name | undefined
      const findings = await bounded(world, { check: 'account', seconds, signal }, async until => {
        const { url } = await ourAccount(world, await lookingState(parts), wanted.ca, until)
        at = accountChallengeName(wanted.name, accountLabel(url))
        return [ok('account', `${url}; its values are placed at ${at}`)]
      })
      return { at, findings, byRecord: false }
    }
    default: {
      let found: RecordFound | undefined
      const findings = await bounded(world, { check: 'record', seconds, signal }, async until => {
        const looks = new RecordLooks(world, await lookingState(parts), parts.resolver, parts.config.propagation.wait)
        found = await looks.at(wanted, until)
        return [found.finding]
      })
      // with that method alone no value is ever placed, so a record that will not do is no reason to try the provider
      const byRecord = methodOf(wanted) === 'dns-persist-01' || (found?.proves ?? false)
      if (!byRecord) return { at: byChallenge, findings, byRecord }
      const { standing } = found ?? {}
      return { at: standing && persistName(wanted.name), findings, byRecord, record: found, standing }
    }
  }
}

/**
 * As the engine does it, with a value that no CA has asked for: random, so that two probes at once do not meet, and of the
 * same form, so that a program which checks its arguments takes it.
 */
async function locate(parts: ProbeParts, wanted: Wanted, at: Name, signal: AbortSignal): Promise<LocatedRecord> {
  // 32 octets are 43 characters: as long as a SHA-256 of a key authorization (RFC 8555 §8.4), and as a thumbprint
  const value = Buffer.from(parts.world.random(32)).toString('base64url')
  const token = Buffer.from(parts.world.random(32)).toString('base64url')
  const host = withoutWildcard(wanted.name)
  const wildcard = host !== wanted.name
  const keyAuthorization = `${token}.${token}`
  const challenge = { host, wildcard, token, keyAuthorization, targetFile: '', env: wanted.env }
  const request: RecordRequest = { value, dns: wanted.dns, challenge, at }
  // by the locator of a run, with nothing placed: CNAMEs, zone and provider come out as they would there
  const [located] = await publisherOf(parts, await lookingState(parts), signal).locator.locate([request])
  return located as LocatedRecord
}

/** Read-only: what examines before the trial takes no lock, and must not even mend a mode. */
const lookingState = ({ world, stateRoot }: ProbeParts): Promise<StateDir> =>
  StateDir.open(world, stateRoot, { readOnly: true })

/** That of a run, but that it gives up in time for the report: five seconds are left for removing. */
const publisherOf = (
  { world, providers, resolver, config }: ProbeParts,
  state: StateDir,
  signal: AbortSignal,
): Publisher => {
  const giveUpAfterSeconds = Math.min(
    config.propagation.giveUpAfterSeconds,
    limits.placeSeconds - limits.lockSeconds - 5,
  )
  const propagation = { ...config.propagation, giveUpAfterSeconds }
  return new Publisher({ world, providers, resolver, propagation, signal, journal: state.journal })
}

/** With the provider, since a mistake in conf/dns.yml shows here: the right zone, written by the wrong one. */
function zoneFinding({ by, record, zone }: LocatedRecord): Finding {
  const provider = `provider ${by.definition.name}`
  if (!zone) return ok('zone', `${provider} finds the zone itself`)
  return ok('zone', `${record.name} lies in the zone ${zone.apex}; ${provider}`)
}

/** A CNAME is no fault (RFC 8555 §8.4 has it followed), but people forget that they once made one. */
const cnameFinding = (chain: readonly Name[]): Finding =>
  ok('cname', chain.length > 1 ? `CNAME: ${chain.join(' → ')}` : `no CNAME: the record itself is at ${chain[0]}`)

/**
 * Records that this provider needs elsewhere, such as the delegation to our own name server; none for most providers. A missing
 * one is a warning only, since the trial after it tells whether values are seen all the same.
 */
async function lookAtGuide(
  parts: ProbeParts,
  { name, at }: Wanted & { readonly at: Name },
  located: LocatedRecord | undefined,
  look: Look,
): Promise<Finding[]> {
  const definition = located?.by.definition
  if (!definition?.requiredRecords || !located) return []
  const values = settingValues(parts.world, definition, located.by.config.settings)
  const world = withResolvers(parts.world, parts.config)
  const records = await definition.requiredRecords([at], values as never, world, look.signal)
  return records.map(({ name: owner, type, data, missing }) =>
    missing === undefined
      ? ok('delegation', `${owner} ${type} ${data}`)
      : warning(
          'delegation',
          `${owner} ${type} ${data}: ${missing}`,
          `create this record, or dns01 providers ${definition.name} ${name} shows more`,
        ),
  )
}

/**
 * One value a name, all under the lock, since they go through the journal, and a run that holds it may just be changing the
 * same zone. A finding for each name, in order.
 */
async function tryAll(parts: ProbeParts, examined: readonly Examined[]): Promise<(readonly Finding[])[]> {
  const { world, config, signal, stateRoot, commandLine } = parts
  const careful = examined.map(one => one.located && overwrites(one))
  const trials = examined.flatMap(({ located }, i): Trial[] =>
    located && !careful[i] ? [{ located, watched: config.propagation.wait && located.zone !== undefined }] : [],
  )
  if (trials.length > 0)
    world.log.step({ subject: 'probe', stage: 'placing a value at each name, watching and removing it' })
  // of all trials together: they are placed at once, and a zone's are one change
  const deadline = world.clock.deadline(limits.placeSeconds)
  const until = AbortSignal.any([signal, deadline])
  const found = await attempt(trials.length, async () => {
    if (trials.length === 0) return []
    const state = await StateDir.open(world, stateRoot)
    const lock = { waitSeconds: limits.lockSeconds, command: commandLine, signal }
    return withLock(world, state, lock, () =>
      // its own publisher, with the state that was opened for writing: the journal must have the value before the provider does
      tryRights(world, publisherOf(parts, state, until), state.journal, trials, until),
    )
  })
  world.log.step({ subject: 'probe' })
  signal.throwIfAborted()
  const byPlace = new Map(trials.map(({ located }, i) => [located, found[i]]))
  return examined.map(({ located, byRecord }, i) => {
    const why = careful[i]
    const finding = located && byPlace.get(located)
    return why
      ? [skipped('rights', why)]
      : finding
        ? [finding]
        : [skipped('rights', byRecord ? 'not tried: nothing is written' : 'not tried: there is no place for a value')]
  })
}

/**
 * `status` goes by what was seen last: a later end that somebody has just published counts from now on. Compared before the lock is
 * asked for: mostly nothing has changed, and a probe should not wait for a run only to write the same again.
 */
async function rememberRecords(parts: ProbeParts, examined: readonly Examined[]): Promise<void> {
  const { world, signal, stateRoot, commandLine } = parts
  const seen = examined.flatMap(({ wanted, record }) =>
    record?.proves ? [[recordKey(wanted.ca, wanted.name), record.until] as const] : [],
  )
  const known = (await lookingState(parts)).ledger().recordEnds
  if (seen.every(([key, until]) => known.get(key)?.getTime() === until?.getTime())) return
  try {
    const state = await StateDir.open(world, stateRoot)
    const lock = { waitSeconds: limits.lockSeconds, command: commandLine, signal }
    await withLock(world, state, lock, () => state.ledger().recordsSeen(seen))
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof Dns01Error)) throw error
    world.log.info(`not noted when the records end: ${messageOf(error)}`) // nobody asked for that
  }
}

/** Why a trial would not be harmless; undefined if it is. A provider that is not additive may remove somebody's value. */
function overwrites({ located, values }: Examined): string | undefined {
  const definition = located?.by.definition
  if (!definition || definition.additive || values.length === 0) return undefined
  return `not tried: ${definition.name} may replace the ${values.length} value(s) that are there`
}

/** What stops all of them (the lock, a directory that cannot be written) is told of each: each name has a report of its own. */
async function attempt(count: number, work: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await work()
  } catch (error) {
    const finding = failure('rights', error)
    return Array.from({ length: count }, () => finding)
  }
}

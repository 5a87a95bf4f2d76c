/**
 * What probe finds out about a record of dns-persist-01: whether it stands at every server, is good for our account,
 * and how long. Read only, and before any order: so which form the CA reads is known from its directory alone.
 */

import { persistTerms } from '../acme/persist.js'
import { minute } from '../core/dates.js'
import { type Name, persistName } from '../core/names.js'
import { methodOf, type Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { Resolver } from '../dns/resolver.js'
import { type Standing, StandingRecords } from '../dns/standing.js'
import { type OurAccount, ourAccount } from '../manage/accounts.js'
import { endsSoon, endText, lookAtRecord, type RecordLook } from '../renew/persistent.js'
import type { StateDir } from '../state/state-dir.js'
import { type Finding, failure, ok, warning } from './finding.js'

/** A name, and what says how it is proved. */
export interface RecordWanted extends Pick<Target, 'ca' | 'dns'> {
  readonly name: Name
}

/** What was found out about the record of a name. */
export interface RecordFound {
  readonly finding: Finding
  /** It proves the name: nothing is written. */
  readonly proves: boolean
  /** Until then, if it does; undefined: without an end. */
  readonly until?: Date | undefined
  /** What stands there; undefined when it could not be looked at. */
  readonly standing?: Standing | undefined
}

/**
 * Looks at records. Each account is asked for once, also by names that come at the same time: a promise is kept for each CA.
 * Nothing is registered, and nothing is written anywhere.
 */
export class RecordLooks {
  readonly #world: World
  readonly #state: StateDir
  readonly #records: StandingRecords
  readonly #direct: boolean
  readonly #accounts = new Map<string, Promise<OurAccount>>()

  /** `direct` false: nobody asks name servers here (`propagation: off`). */
  constructor(world: World, state: StateDir, resolver: Resolver, direct: boolean) {
    this.#world = world
    this.#state = state
    this.#records = new StandingRecords({ world, resolver })
    this.#direct = direct
  }

  /** Never throws what is the fault of the record, the DNS or the CA: that is the finding. */
  async at(wanted: RecordWanted, signal: AbortSignal): Promise<RecordFound> {
    try {
      const account = await this.#account(wanted.ca, signal)
      // no challenge: there is one in an order only, and probe makes none; so the form is what the directory tells
      const terms = persistTerms(wanted.name, account)
      const locator = { standing: (name: Name) => this.#records.at(name, this.#direct, signal) }
      const look = await lookAtRecord(locator, wanted.name, terms, this.#world.clock.now())
      const until = look.good ? look.until : undefined
      return { finding: this.#findingOf(wanted, look), proves: look.good, until, standing: look.standing }
    } catch (error) {
      signal.throwIfAborted()
      const { text, mend, ...found } = failure('record', error)
      // with `auto` a run would go on by dns-01, so what keeps the record from being looked at is no failure
      const mayDoWithout = methodOf(wanted) === 'auto'
      return {
        finding: mayDoWithout ? warning('record', `${text}; so dns-01`, mend) : { text, mend, ...found },
        proves: false,
      }
    }
  }

  #account(ca: string, signal: AbortSignal): Promise<OurAccount> {
    const found = this.#accounts.get(ca) ?? ourAccount(this.#world, this.#state, ca, signal)
    this.#accounts.set(ca, found)
    return found
  }

  /** One finding: that it proves the name, or when it will not any more, or what is wrong. */
  #findingOf(wanted: RecordWanted, look: RecordLook): Finding {
    const { name } = wanted
    const at = persistName(name)
    if (!look.good) return this.#badFinding(wanted, look)
    const { until, standing } = look
    // without a certificate's end: probe is mostly asked before there is one, and then the days before the end alone decide
    if (endsSoon(until, undefined, this.#world.clock.now())) {
      const { text, hint } = endText(name, until)
      return warning('record', text, hint)
    }
    const servers = standing.seen.map(({ server }) => server).join(', ')
    return ok('record', `${at} proves ${name}${until ? ` until ${minute(until)}` : ''}; seen at ${servers}`)
  }

  /** With `auto` no record is as good as one, but one that will not do was meant to be used: that is told (as in a run). */
  #badFinding(wanted: RecordWanted, look: RecordLook & { readonly good: false }): Finding {
    if (methodOf(wanted) !== 'auto') return failure('record', look.error)
    if (!look.isThere) return ok('record', `none stands at ${persistName(wanted.name)}: dns-01 is used`)
    return warning('record', `${look.error.message}; so dns-01 is used`, look.error.hint)
  }
}

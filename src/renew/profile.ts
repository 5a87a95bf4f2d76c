// Certificate profiles (draft-ietf-acme-profiles): a CA may offer several kinds of certificates, a target may ask for one
// of them. Where none is asked for, nothing is sent, and the CA chooses.
import type { AcmeClient, Order } from '../acme/client.js'
import { isProblem } from '../acme/problem.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Target, WantedProfile } from '../core/target.js'
import { titleOf } from '../core/target.js'
import type { World } from '../core/world.js'
import { profileKey } from '../state/ledger-keys.js'
import type { StateDir } from '../state/state-dir.js'

export interface ProfileParts {
  readonly world: Pick<World, 'log'>
  readonly state: Pick<StateDir, 'ledger'>
  readonly signal: AbortSignal
}

/** Profile name to what the CA says of it. */
type Offered = Readonly<Record<string, string>>

/**
 * The profile to order with; undefined: none. Asks the directory, which is there already.
 * @throws Dns01Error CONFIG before anything is ordered, when the target cannot do without one that the CA does not offer
 */
async function chooseProfile(
  parts: ProfileParts,
  target: Target,
  client: Pick<AcmeClient, 'directory'>,
): Promise<string | undefined> {
  const { profile } = target
  if (!profile) return undefined
  const { profiles } = await client.directory(parts.signal)
  // hasOwn: the names are a stranger's, and `constructor` is in every object
  if (Object.hasOwn(profiles, profile.name)) return profile.name
  const what = `the CA ${target.ca} offers no profile "${profile.name}"`
  if (profile.required)
    throw new Dns01Error('CONFIG', `desired/${target.file}: ${what} (request.profile)`, { hint: inWords(profiles) })
  await tellOnce(parts, target, profile, what, profiles)
  return undefined
}

/**
 * Orders by this profile. A CA may refuse one that it offers: to accounts that have no right to it Let's Encrypt says
 * `unauthorized`, others `invalidProfile`. Then a profile that was only preferred is left out, at the price of a second
 * request; where something else was wrong with the account, the second order fails as the first did, and that is the error.
 * @throws Dns01Error REFUSED in words when the target cannot do without the profile
 */
export async function orderByProfile(
  parts: ProfileParts,
  target: Target,
  client: Pick<AcmeClient, 'directory'>,
  order: (profile: string | undefined) => Promise<Order>,
): Promise<Order> {
  const { profile: wanted } = target
  const profile = await chooseProfile(parts, target, client)
  try {
    const made = await order(profile)
    if (profile !== undefined) await parts.state.ledger().isOver(profileKey(target.ca, profile))
    return made
  } catch (error) {
    if (!wanted || profile === undefined || !isAboutProfile(error)) throw error
    const { profiles } = await client.directory(parts.signal)
    if (wanted.required) throw refused(wanted, target, profiles, error)
    const made = await order(undefined)
    // only now: had this order failed too, the profile would not have been the reason
    await tellOnce(parts, target, wanted, `the CA does not give this account the profile "${profile}"`, profiles)
    return made
  }
}

/** `unauthorized` alone may mean something else about the account: the second order tells. */
const isAboutProfile = (error: unknown): boolean =>
  isProblem(error, 'invalidProfile') || isProblem(error, 'unauthorized')

/** The CA's words, with what the target demands and what there is instead. */
function refused({ name }: WantedProfile, target: Target, offered: Offered, error: unknown): Dns01Error {
  const { cause, byName } = error as Dns01Error
  const message = `the CA does not give this account the profile "${name}", which desired/${target.file} requires: ${messageOf(error)}`
  return new Dns01Error('REFUSED', message, { cause, byName, hint: inWords(offered) })
}

/** At the first of the renewals that go without: a hundred targets with one conf/target, year after year, are one line. */
async function tellOnce(
  { world, state }: ProfileParts,
  target: Target,
  { name }: WantedProfile,
  what: string,
  offered: Offered,
): Promise<void> {
  const isNews = await state.ledger().isNews(profileKey(target.ca, name))
  const text = `${titleOf(target)}: ${what}; the certificate is ordered without it`
  if (isNews) world.log.notice(`${text} (${inWords(offered)})`)
  else world.log.info(text)
}

/** What somebody needs to choose another: the names, as they stand in the target. */
const inWords = (offered: Offered): string => {
  const names = Object.keys(offered)
  return names.length === 0 ? 'it offers no profiles at all' : `it offers ${names.join(', ')}`
}

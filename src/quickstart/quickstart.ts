/** The whole of `dns01 quickstart`: it asks and checks first, and changes things only when all is decided. */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Directory } from '../acme/objects.js'
import { parseDefaults } from '../config/target-file.js'
import { Dns01Error } from '../core/errors.js'
import { methodOf } from '../core/target.js'
import type { World } from '../core/world.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { openAuthorities } from '../renew/authorities.js'
import { type Context, dnsConfig, locked, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Answers, openAnswers } from './answers.js'
import { chooseDefaults, chooseProfile } from './conf-target.js'
import { clearVariables } from './cron-settings.js'
import { chooseProvider, type DnsChoice, tellAboutEnvironment } from './dns-provider.js'
import { writeEnv } from './env-text.js'
import { type HookPlan, installHooks, planHooks } from './hooks.js'
import { ID } from './ids.js'
import { otherClients, tellOthers } from './other-clients.js'
import { gitCheckout } from './outside.js'
import { askAgain, askToRegister, lookAtDirectory, type RegistrationAnswers } from './registration.js'
import { installSchedule, planSchedule, type Schedule } from './schedule.js'

/** What stands when quickstart is done. */
export interface Ready {
  /** Directory URL. */
  readonly ca: string
  /** SERVER/KEYID. */
  readonly account: string
  /** Its name, or why there is none. */
  readonly provider: string | undefined
  /** Hooks that were written now. */
  readonly hooks: readonly string[]
  /** What starts renewals. */
  readonly renewal: string | undefined
  /** How dns01 is called as the user that --user names. */
  readonly call?: string | undefined
}

/** All that was answered and found out, and what it was built on. */
interface Decisions {
  readonly answers: Answers
  readonly registration: RegistrationAnswers
  readonly target: ConfChange
  readonly dns: DnsChoice
  readonly dnsBefore: string | undefined
  readonly hooks: HookPlan
  readonly schedule: Schedule
}

interface ConfChange {
  readonly before: string
  readonly after: string
}

/**
 * Prepares a state directory: CA, key type, DNS provider, account, hooks, renewal. First all questions and checks, which
 * change nothing and lock nothing, since a question may stand for hours. Then, under the lock, what was decided is
 * written, and the account registered; so a registration that fails loses no answer. Twice is the same as once.
 * @throws Dns01Error CONFIG for a wrong or missing answer, and when another run has changed the settings meanwhile;
 *   STATE; what the CA says
 */
export async function quickstart(context: Context, expert: boolean): Promise<Ready> {
  let decided = await decide(context, expert)
  for (let tries = 1; ; tries++) {
    try {
      return await locked(context, state => carryOut(context, state, decided))
    } catch (error) {
      if (tries === 3) throw error
      const { ca } = parseDefaults(decided.target.after).defaults
      const registration = await askAgain({ ...decided, ...context, ca }, decided.registration, error)
      decided = { ...decided, target: { ...decided.target, before: decided.target.after }, registration }
    }
  }
}

async function decide(context: Context, expert: boolean): Promise<Decisions> {
  const { world, signal } = context
  const state = await looking(context)
  const given = state.responses(context.responseFile)
  const answers = openAnswers(given, world.prompt)
  tellAboutCheckout(world)

  const before = state.confText('target') ?? ''
  const directories = new Map<string, Directory>()
  const check = async (ca: string): Promise<void> =>
    void directories.set(ca, await lookAtDirectory(world, ca, answers, signal))
  const chosen = await chooseDefaults({ text: before, answers, log: world.log, expert, check })
  tellAboutMethods(world, answers)
  const { ca } = parseDefaults(chosen).defaults
  const directory = directories.get(ca) ?? (await lookAtDirectory(world, ca, answers, signal))
  const after = await chooseProfile(chosen, answers, directory.profiles)
  const dnsBefore = state.confText('dns.yml')
  const config = await dnsConfig(context, state)
  const isConfigured = dnsBefore !== undefined
  const dns = byRecords(after) ? noChoice : await chooseProvider({ context, answers, config, isConfigured, ca })
  const hooks = await planHooks(world, { answers, folders: hookFolders(world.env), expert })
  const schedule = await planSchedule(world, answers, state)
  const registration = await askToRegister({ world, state, answers, responses: given, ca, signal }, directory)
  return { answers, registration, target: { before, after }, dns, dnsBefore, hooks, schedule }
}

/** With dns-persist-01 nobody writes to the DNS, and no credentials are wanted. */
const byRecords = (confTarget: string): boolean => methodOf(parseDefaults(confTarget).defaults) === 'dns-persist-01'

const noChoice: DnsChoice = { provider: undefined, confText: undefined, variables: {}, fromCron: {} }

/** What was decided must still hold: another run may have worked while the questions stood. */
async function carryOut({ world, signal }: Context, state: StateDir, decided: Decisions): Promise<Ready> {
  const { registration, target, dns } = decided
  await state.conform()
  const now = { target: state.confText('target') ?? '', dns: state.confText('dns.yml') }
  const isDnsNew = dns.confText !== undefined && now.dns !== dns.confText
  if (now.target !== target.before) throw changedMeanwhile(state, 'target')
  if (isDnsNew && now.dns !== decided.dnsBefore) throw changedMeanwhile(state, 'dns.yml')

  if (target.after !== target.before) await state.writeConf('target', target.after)
  if (isDnsNew) await state.writeConf('dns.yml', dns.confText as string)
  await writeEnv(world, dns.variables)
  const { defaults } = parseDefaults(target.after, { rsaKeySize: state.confText('rsa-key-size') })
  const silent = { ...world, prompt: undefined } // all questions were asked before the lock
  const authority = await openAuthorities({ ...registration, world: silent, state, defaults, signal }).for(defaults.ca)
  const hooks = await installHooks(world, decided.hooks)
  const renewal = await installSchedule(world, decided.schedule, signal)
  await clearVariables(world, dns.fromCron, signal)
  await tellAboutEnvironment(world, dns)
  tellOthers(world, await otherClients(world))
  const provider = dns.provider ?? (byRecords(target.after) ? noProviderNeeded : undefined)
  return { ca: defaults.ca, account: authority.accountId, provider, hooks, renewal }
}

const changedMeanwhile = (state: StateDir, file: string): Dns01Error =>
  new Dns01Error('CONFIG', `${state.root}/conf/${file} was changed while the questions were open`, {
    hint: 'run dns01 quickstart again; it starts from what is there now',
  })

/** A program that is a link into a clone is gone when the clone is moved or tidied up, and renewals with it. */
function tellAboutCheckout({ files, log }: Pick<World, 'files' | 'log'>): void {
  const checkout = gitCheckout(files, dirname(fileURLToPath(import.meta.url)))
  if (checkout === undefined) return
  log.warn(
    `this program lies in the git checkout ${checkout}; when that is moved or removed, renewals fail. Install a copy:`,
    `cd ${checkout} && npm install -g "$(npm pack --silent)"`,
  )
}

/** Answers to questions that only HTTP-01 has. `hook` is what we do; the tutorial's `hooks` is another word for none of them. */
function tellAboutMethods({ log }: Pick<World, 'log'>, answers: Answers): void {
  const method = answers.inFile(ID.method)
  const isHttp = method !== undefined && ['webroot', 'proxy', 'redirector', 'listen', 'stateless'].includes(method)
  const given = [
    ...(isHttp ? [`${ID.method}: ${method}`] : []),
    ...(answers.inFile(ID.webrootPath) ? [ID.webrootPath] : []),
    ...(answers.saidYes(ID.redirector) ? [ID.redirector] : []),
  ]
  if (given.length === 0) return
  log.notice(
    `${given.join(', ')}: not needed; dns01 proves every name by a DNS record (DNS-01), so no web server, port or path takes part`,
  )
}

const noProviderNeeded = 'none needed: dns-persist-01; dns01 persist NAME prints the record to publish'

export const readyLines = ({ ca, account, provider, hooks, renewal, call = 'dns01' }: Ready): string[] => [
  `CA            ${ca}`,
  `account       ${account}`,
  `DNS provider  ${provider ?? 'none for every zone; see above, or conf/dns.yml'}`,
  ...hooks.map(path => `hook          ${path}`),
  `renewal       ${renewal ?? 'not set up; see above'}`,
  `Now:          ${call} want NAME`,
]

import { openAuthorities } from '../certificate-authorities.js'
import { hookFolders } from '../hooks.js'
import { type Context, dnsConfig } from '../session.js'
import type { StateDir } from '../state/state-dir.js'
import { parseDefaults } from '../target-file.js'
import type { World } from '../world.js'
import { type Answers, openAnswers } from './answers.js'
import { chooseDefaults } from './conf-target.js'
import { chooseProvider, tellAboutEnvironment } from './dns-provider.js'
import { installHooks, planHooks } from './hooks.js'
import { ID } from './ids.js'
import { installSchedule, planSchedule } from './schedule.js'

/** What stands when quickstart is done. */
export interface Ready {
  /** Directory URL. */
  readonly ca: string
  /** SERVER/KEYID. */
  readonly account: string
  readonly provider: string | undefined
  /** Hooks that were written now. */
  readonly hooks: readonly string[]
  /** What starts renewals. */
  readonly renewal: string | undefined
}

/**
 * Prepares a state directory, its lock being held: CA, key type, DNS provider, account, hooks, renewal. First all
 * questions and checks, then the registration, then the files, so that what fails early has changed nothing (but for the
 * new account's key, which the next run uses). Twice is the same as once.
 * @throws Dns01Error CONFIG for a wrong or missing answer; STATE; what the CA says
 */
export async function quickstart(context: Context, state: StateDir, expert: boolean): Promise<Ready> {
  const { world, signal } = context
  const responses = state.responses(context.responseFile)
  const answers = openAnswers(responses, world.prompt)
  await state.conform()

  const before = state.confText('target') ?? ''
  const targetText = await chooseDefaults({ text: before, answers, log: world.log, expert })
  tellAboutMethods(world, answers)
  const isConfigured = state.confText('dns.yml') !== undefined
  const dns = await chooseProvider({ world, answers, config: await dnsConfig(context, state), isConfigured })
  const hookPlan = await planHooks(world, { answers, folders: hookFolders(world.env), expert })
  const schedule = await planSchedule(world, answers, state)

  const { defaults } = parseDefaults(targetText, { rsaKeySize: state.confText('rsa-key-size') })
  const authority = await openAuthorities({ world, state, responses, defaults, signal }).for(defaults.ca)

  if (targetText !== before) await state.writeConf('target', targetText)
  if (dns.confText !== undefined) await state.writeConf('dns.yml', dns.confText)
  const hooks = await installHooks(world, hookPlan)
  const renewal = await installSchedule(world, schedule, signal)
  await tellAboutEnvironment(world, dns.provider)
  return { ca: defaults.ca, account: authority.accountId, provider: dns.provider, hooks, renewal }
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

export const readyLines = ({ ca, account, provider, hooks, renewal }: Ready): string[] => [
  `CA            ${ca}`,
  `account       ${account}`,
  `DNS provider  ${provider ?? 'none for every zone; see above, or conf/dns.yml'}`,
  ...hooks.map(path => `hook          ${path}`),
  `renewal       ${renewal ?? 'not set up; see above'}`,
  'Now:          dns01 want NAME',
]

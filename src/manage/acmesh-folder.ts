/**
 * acme.sh's folder (~/.acme.sh), read: account.conf with the settings of its DNS scripts, ca/HOST/PATH/account.key, and
 * NAME/ or NAME_ecc/ with NAME.{conf,key} and fullchain.cer (its functions _initpath, _save_conf and _read_conf).
 */

import { join } from 'node:path'
import { kindOf, parseKey } from '../x509/keys.js'
import {
  attempting,
  type ClientAccount,
  type ClientFolder,
  certificateWith,
  foldersWith,
  type Lineage,
  namesBelow,
  type Reading,
  textOf,
} from './client-folder.js'

type Conf = ReadonlyMap<string, string>

/** Its DEFAULT_CA since 3.0, where neither the certificate nor account.conf says another. */
const defaultServer = 'https://acme.zerossl.com/v2/DV90'

/** Reads what acme.sh keeps in its folder. */
export function readAcmesh(files: Reading, folder: string): ClientFolder {
  const problems: string[] = []
  const attempt = attempting(problems)
  const account = confAt(files, join(folder, 'account.conf'))
  const home = account.get('CERT_HOME') || folder
  const variables: Record<string, string> = {}
  const lineages = namesBelow(files, home).flatMap(name => {
    const domain = name.replace(/_ecc$/, '')
    const path = join(home, name, `${domain}.conf`)
    const [conf] = attempt(`${name}/${domain}.conf`, () => confAt(files, path))
    if (!conf?.has('Le_Domain')) return []
    return attempt(`${name}/${domain}.conf`, () => {
      const read = readLineage(files, { path: join(home, name), domain, conf, account })
      const dns = dnsOf(files, { folder, conf, account, domain, problems })
      Object.assign(variables, dns?.variables)
      tellTheRest(domain, conf, problems)
      return { ...read, wants: { ...read.wants, dns: dns?.settings } }
    })
  })
  const servers = [...lineages.map(({ directoryUrl }) => directoryUrl), account.get('DEFAULT_ACME_SERVER') ?? '']
  const accounts = foldersWith(files, join(folder, 'ca'), 'account.key').flatMap(path =>
    attempt(`ca/${path}`, (): ClientAccount => {
      const directoryUrl = servers.find(url => URL.canParse(url) && caFolder(url) === path) ?? `https://${path}`
      return { id: path, directoryUrl, key: parseKey(textOf(files, join(folder, 'ca', path, 'account.key'))) }
    }),
  )
  return { accounts, lineages, problems, variables }
}

function isFile(files: Reading, path: string): boolean {
  try {
    return files.info(path)?.kind === 'file'
  } catch {
    return false // below a file, or where we may not look
  }
}

/** Where its _initpath has the account of a CA: the host without its port, and the path. */
const caFolder = (url: string): string => {
  const { hostname, pathname } = new URL(url)
  return `${hostname}${pathname}`.replace(/\/$/, '')
}

/** `NAME='value'` lines for sh; some values are kept in base64. Not run by a shell: a line that is anything else is passed over. */
export function parseAcmeshConf(text: string): Map<string, string> {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const [, name, quoted] = line.match(/^\s*(?:export\s+)?([A-Za-z_]\w*)=(.*?)\s*$/) ?? []
    if (name === undefined || quoted === undefined) continue
    const value = quoted.replace(/^(["'])(.*)\1$/, '$2')
    const [, encoded] = value.match(/^__ACME_BASE64__START_(.*)__ACME_BASE64__END_$/) ?? []
    values.set(name, encoded === undefined ? value : Buffer.from(encoded, 'base64').toString('utf8'))
  }
  return values
}

const confAt = (files: Reading, path: string): Map<string, string> =>
  isFile(files, path) ? parseAcmeshConf(textOf(files, path)) : new Map()

function readLineage(
  files: Reading,
  { path, domain, conf, account }: { path: string; domain: string; conf: Conf; account: Conf },
): Lineage {
  const key = parseKey(textOf(files, join(path, `${domain}.key`)))
  const fullchain = textOf(files, join(path, 'fullchain.cer'))
  const directoryUrl = conf.get('Le_API') || account.get('DEFAULT_ACME_SERVER') || defaultServer
  const url = [conf.get('Le_LinkOrder'), conf.get('Le_LinkCert')].find(each => each?.startsWith('https:'))
  return {
    name: domain,
    directoryUrl,
    accountId: caFolder(directoryUrl),
    ...certificateWith(key, fullchain),
    url,
    wants: { ...kindOf(key.pem), preferredChain: conf.get('Le_Preferred_Chain') || undefined },
  }
}

/** Its script → our provider, and the variables that both read. */
const NATIVE: Readonly<Record<string, { provider: string; needs: readonly string[]; also: readonly string[] }>> = {
  dns_aws: { provider: 'route53', needs: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'], also: [] },
  dns_cf: { provider: 'cloudflare', needs: ['CF_Token'], also: ['CF_Zone_ID'] },
  dns_nsupdate: { provider: 'rfc2136', needs: ['NSUPDATE_SERVER', 'NSUPDATE_KEY'], also: [] },
}

interface DnsParts {
  readonly folder: string
  readonly conf: Conf
  readonly account: Conf
  readonly domain: string
  readonly problems: string[]
}

/**
 * Who places its records. Scripts that we have a provider for give it their settings; any other goes on as it is, with what
 * acme.sh has saved for it (provider exec).
 */
function dnsOf(
  files: Reading,
  { folder, conf, account, domain, problems }: DnsParts,
): { settings: Record<string, string>; variables: Record<string, string> } | undefined {
  const methods = [...new Set((conf.get('Le_Webroot') ?? '').split(',').filter(method => method !== ''))]
  const [script = '', ...others] = methods
  if (others.length > 0 || !/^dns_\w+$/.test(script) || script === 'dns_persist') {
    problems.push(
      `${domain}: acme.sh proves it by ${methods.join(', ') || 'HTTP'}, and dns01 by DNS alone; choose a provider`,
    )
    return undefined
  }
  const native = NATIVE[script]
  const saved = (name: string): string | undefined => account.get(`SAVED_${name}`) || account.get(name) || undefined
  const isOurs = !saved('NSUPDATE_OPT') && !saved('NSUPDATE_SERVER')?.includes(',') // flags of nsupdate(1), a list of servers
  if (isOurs && native?.needs.every(name => saved(name) !== undefined)) {
    const port = script === 'dns_nsupdate' && saved('NSUPDATE_SERVER_PORT')
    const value = (name: string): string =>
      name === 'NSUPDATE_SERVER' && port ? `${saved(name)}:${port}` : (saved(name) ?? '')
    const names = [...native.needs, ...native.also].filter(name => saved(name) !== undefined)
    return {
      settings: { provider: native.provider },
      variables: Object.fromEntries(names.map(name => [name, value(name)])),
    }
  }
  const program = join(folder, 'acme.sh')
  if (isFile(files, program))
    return { settings: { provider: 'exec', command: `${program} ${script}`, dialect: 'acmesh' }, variables: {} }
  problems.push(`${domain}: acme.sh's script ${script} is not here (no ${program}); choose a provider`)
  return undefined
}

/** What acme.sh does after a renewal is for a hook. Its commands are not shown: secrets stand in them. */
function tellTheRest(domain: string, conf: Conf, problems: string[]): void {
  const does = [
    'Le_ReloadCmd',
    'Le_RealKeyPath',
    'Le_RealFullChainPath',
    'Le_DeployHook',
    'Le_PostHook',
    'Le_RenewHook',
  ]
  const given = does.filter(name => conf.get(name))
  if (given.length > 0)
    problems.push(
      `${domain}: what acme.sh does with a new certificate (${given.join(', ')} of ${domain}.conf) is not taken over; dns01 has hooks for that`,
    )
}

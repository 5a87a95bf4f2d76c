/**
 * Certbot's folder, read: its accounts, and the certificates that it keeps renewed. Nothing here writes, so that certbot can
 * go on with it.
 */

import { join } from 'node:path'
import { messageOf } from '../core/errors.js'
import type { Files } from '../core/world.js'
import { type CertificateFacts, readCertificate, splitPems } from '../x509/certificate.js'
import { type KeyPair, parseJwk, parseKey } from '../x509/keys.js'

/** An account of certbot: accounts/HOST/PATH/ID/private_key.json. */
export interface CertbotAccount {
  /** Certbot's own id. */
  readonly id: string
  readonly directoryUrl: string
  readonly key: KeyPair
}

/** A certificate that certbot keeps renewed: renewal/NAME.conf, and live/NAME/ with what it has now. */
export interface Lineage {
  readonly name: string
  readonly directoryUrl: string
  readonly accountId: string | undefined
  readonly facts: CertificateFacts
  readonly cert: string
  readonly chain: string
  readonly key: KeyPair
  /** renewalparams of its conf: what the next certificate is to be like. */
  readonly renewalParams: ReadonlyMap<string, string>
}

export interface CertbotFolder {
  readonly accounts: readonly CertbotAccount[]
  readonly lineages: readonly Lineage[]
  /** What could not be read, in words. */
  readonly problems: readonly string[]
}

/** Certbot's default; a conf without a server means it. */
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'

type Reading = Pick<Files, 'list' | 'read' | 'info'>

/** Reads what certbot keeps in its folder (/etc/letsencrypt). One thing that cannot be read does not hide the others. */
export function readCertbot(files: Reading, folder: string): CertbotFolder {
  const problems: string[] = []
  const attempt = <T>(what: string, read: () => T): T[] => {
    try {
      return [read()]
    } catch (error) {
      problems.push(`${what}: ${messageOf(error)}`)
      return []
    }
  }
  const confs = list(files, join(folder, 'renewal')).flatMap(file => (file.endsWith('.conf') ? [file] : []))
  const lineages = confs.flatMap(file => attempt(`renewal/${file}`, () => readLineage(files, folder, file)))
  const servers = new Map(lineages.map(({ directoryUrl }) => [withoutScheme(directoryUrl), directoryUrl]))
  const accounts = accountFolders(files, join(folder, 'accounts')).flatMap(path =>
    attempt(`accounts/${path}`, () => readAccount(files, folder, path, servers)),
  )
  return { accounts, lineages, problems }
}

/** Names in a folder, or behind a link to one; none where no folder is. */
function list(files: Reading, folder: string): string[] {
  try {
    return files.list(folder).map(({ name }) => name)
  } catch {
    return []
  }
}

/** Folders below with a private_key.json, relative; a server's path may have several parts. */
function accountFolders(files: Reading, root: string, below = '', depth = 0): string[] {
  return list(files, join(root, below)).flatMap(name => {
    if (name === 'private_key.json') return [below]
    return depth < 8 ? accountFolders(files, root, below === '' ? name : `${below}/${name}`, depth + 1) : []
  })
}

const withoutScheme = (url: string): string => url.replace(/^https?:\/\//, '')

/** The folder tells the server without its scheme; a lineage of that server tells it with. */
function readAccount(
  files: Reading,
  folder: string,
  path: string,
  servers: ReadonlyMap<string, string>,
): CertbotAccount {
  const server = path.slice(0, path.lastIndexOf('/'))
  const key = parseJwk(text(files, join(folder, 'accounts', path, 'private_key.json')))
  return { id: path.slice(server.length + 1), directoryUrl: servers.get(server) ?? `https://${server}`, key }
}

const text = (files: Reading, path: string): string => Buffer.from(files.read(path)).toString('utf8')

function readLineage(files: Reading, folder: string, file: string): Lineage {
  const name = file.slice(0, -'.conf'.length)
  const conf = parseConf(text(files, join(folder, 'renewal', file)))
  const part = (what: string): string => {
    const usual = join(folder, 'live', name, `${what}.pem`)
    return text(files, files.info(usual) ? usual : (conf.get(what) ?? usual))
  }
  const key = parseKey(part('privkey'))
  const [cert = '', ...chain] = splitPems(part('fullchain'))
  const facts = readCertificate(cert)
  if (facts.keyId !== key.id) throw new Error('privkey.pem is not the key of the certificate')
  const directoryUrl = conf.get('renewalparams.server') ?? letsEncrypt
  const renewalParams = new Map([...conf].map(([path, value]) => [path.replace(/^renewalparams\./, ''), value]))
  return {
    name,
    directoryUrl,
    accountId: renewalParams.get('account'),
    facts,
    cert,
    chain: chain.join(''),
    key,
    renewalParams,
  }
}

/** ConfigObj's format: `key = value` lines in sections; ours are `section.key`. */
export function parseConf(conf: string): Map<string, string> {
  const values = new Map<string, string>()
  let section = ''
  for (const line of conf.split('\n').map(each => each.trim())) {
    const [, title] = line.match(/^\[+([^\]]+)\]+$/) ?? []
    const [, key, value = ''] = line.match(/^([^#=\s]+)\s*=\s*(.*)$/) ?? []
    if (title !== undefined) section = `${title.trim()}.`
    else if (key !== undefined) values.set(section + key, value.replace(/^(["'])(.*)\1$/, '$2'))
  }
  return values
}

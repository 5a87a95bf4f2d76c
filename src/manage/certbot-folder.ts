/**
 * Certbot's folder, read: its accounts, and the certificates that it keeps renewed. Nothing here writes, so that certbot can
 * go on with it.
 */

import { join } from 'node:path'
import { parseJwk, parseKey } from '../x509/keys.js'
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
  type Wants,
} from './client-folder.js'

/** Certbot's default; a conf without a server means it. */
const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'

/** Reads what certbot keeps in its folder (/etc/letsencrypt): renewal/NAME.conf, live/NAME/, accounts/HOST/PATH/ID/private_key.json. */
export function readCertbot(files: Reading, folder: string): ClientFolder {
  const problems: string[] = []
  const attempt = attempting(problems)
  const confs = namesBelow(files, join(folder, 'renewal')).filter(file => file.endsWith('.conf'))
  const lineages = confs.flatMap(file => attempt(`renewal/${file}`, () => readLineage(files, folder, file)))
  const servers = new Map(lineages.map(({ directoryUrl }) => [withoutScheme(directoryUrl), directoryUrl]))
  const accounts = foldersWith(files, join(folder, 'accounts'), 'private_key.json').flatMap(path =>
    attempt(`accounts/${path}`, () => readAccount(files, folder, path, servers)),
  )
  return { accounts, lineages, problems, variables: {} }
}

const withoutScheme = (url: string): string => url.replace(/^https?:\/\//, '')

/** The folder tells the server without its scheme; a lineage of that server tells it with. */
function readAccount(
  files: Reading,
  folder: string,
  path: string,
  servers: ReadonlyMap<string, string>,
): ClientAccount {
  const server = path.slice(0, path.lastIndexOf('/'))
  const key = parseJwk(textOf(files, join(folder, 'accounts', path, 'private_key.json')))
  return { id: path.slice(server.length + 1), directoryUrl: servers.get(server) ?? `https://${server}`, key }
}

function readLineage(files: Reading, folder: string, file: string): Lineage {
  const name = file.slice(0, -'.conf'.length)
  const conf = parseConf(textOf(files, join(folder, 'renewal', file)))
  const part = (what: string): string => {
    const usual = join(folder, 'live', name, `${what}.pem`)
    return textOf(files, files.info(usual) ? usual : (conf.get(what) ?? usual))
  }
  const params = (key: string): string | undefined => conf.get(`renewalparams.${key}`)
  return {
    name,
    directoryUrl: params('server') ?? letsEncrypt,
    accountId: params('account'),
    ...certificateWith(parseKey(part('privkey')), part('fullchain')),
    wants: wantsOf(params),
  }
}

const CURVES: Readonly<Record<string, string>> = {
  secp256r1: 'nistp256',
  secp384r1: 'nistp384',
  secp521r1: 'nistp521',
}

/** The same kind of key as now, and that very key if certbot was told to keep it. */
const wantsOf = (params: (key: string) => string | undefined): Wants => ({
  curve: CURVES[params('elliptic_curve') ?? ''],
  rsaBits: Number(params('rsa_key_size')) || undefined,
  keepsKey: params('reuse_key') === 'True',
})

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

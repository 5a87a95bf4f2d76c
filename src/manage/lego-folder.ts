/**
 * lego's folder (.lego), read: accounts/HOST_PORT/EMAIL/ with account.json and keys/EMAIL.key, and certificates/NAME.{json,crt,key}
 * (lego 4, cmd/accounts_storage.go and cmd/certs_storage.go). It keeps no setting of its DNS provider, and of a CA nothing but the host.
 */

import { join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import { splitPems } from '../x509/certificate.js'
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

/** Directories of CAs that lego's users have, since it keeps no more of them than the host. From each CA's own documentation. */
const DIRECTORIES = [
  'https://acme-v02.api.letsencrypt.org/directory',
  'https://acme-staging-v02.api.letsencrypt.org/directory',
  'https://acme.zerossl.com/v2/DV90',
  'https://dv.acme-v02.api.pki.goog/directory',
  'https://dv.acme-v02.test-api.pki.goog/directory',
]

/** `servers`: directory URLs that are known besides. */
export function readLego(files: Reading, folder: string, servers: readonly string[]): ClientFolder {
  const problems: string[] = []
  const attempt = attempting(problems)
  const directoryOf = (host: string): string => {
    const found = [...servers, ...DIRECTORIES].find(url => withoutColon(new URL(url).host) === withoutColon(host))
    if (found !== undefined) return found
    throw new Error(`lego keeps only the host of its CA, ${host}; --server gives the URL of its directory`)
  }
  const root = join(folder, 'accounts')
  const accounts = foldersWith(files, root, 'account.json').flatMap(path =>
    attempt(`accounts/${path}`, (): ClientAccount => {
      const [host = '', email = ''] = path.split('/')
      const key = parseKey(textOf(files, join(root, path, 'keys', `${email}.key`)))
      return { id: path, directoryUrl: directoryOf(host), key }
    }),
  )
  const certificates = namesBelow(files, join(folder, 'certificates')).filter(
    file => file.endsWith('.json') && files.info(join(folder, 'certificates', file))?.kind === 'file',
  )
  const lineages = certificates.flatMap(file =>
    attempt(`certificates/${file}`, () =>
      readLineage(files, join(folder, 'certificates', file), directoryOf, accounts),
    ),
  )
  return { accounts, lineages, problems, variables: {} }
}

/** As lego names an account's folder: cmd/accounts_storage.go. */
const withoutColon = (host: string): string => host.replaceAll(':', '_')

function readLineage(
  files: Reading,
  path: string,
  directoryOf: (host: string) => string,
  accounts: readonly ClientAccount[],
): Lineage {
  const { domain, certUrl } = jsonOf(textOf(files, path))
  const besides = (ending: string): string => path.replace(/json$/, ending)
  if (!files.info(besides('key')))
    throw new Error('it has no key here: made for a request of somebody else; dns01 want --csr FILE goes on with that')
  const key = parseKey(textOf(files, besides('key')))
  const bundle = textOf(files, besides('crt'))
  const issuer = files.info(besides('issuer.crt')) ? textOf(files, besides('issuer.crt')) : ''
  const directoryUrl = directoryOf(new URL(certUrl).host)
  const own = accounts.filter(account => account.directoryUrl === directoryUrl)
  return {
    name: domain,
    directoryUrl,
    accountId: own.length === 1 ? own[0]?.id : undefined, // of several it does not say which
    ...certificateWith(key, splitPems(bundle).length > 1 ? bundle : bundle + issuer), // with --no-bundle
    url: certUrl,
    wants: kindOf(key.pem),
  }
}

function jsonOf(text: string): { domain: string; certUrl: string } {
  try {
    const { domain, certUrl } = JSON.parse(text)
    if (typeof domain === 'string' && /^https:/.test(certUrl)) return { domain, certUrl }
  } catch {}
  throw new Dns01Error('STATE', 'it does not tell domain and certUrl, as lego writes them')
}

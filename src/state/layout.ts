// Every path of the state directory, relative to its root. The schema is acmetool's; `.dns01` is ours and hidden from
// it.
import { Dns01Error } from '../core/errors.js'
import { base32Id } from '../x509/keys.js'

/** The folders that are there after conform(). */
export const FOLDERS = ['accounts', 'certs', 'conf', 'desired', 'keys', 'live', 'tmp'] as const

/** Made by acmetool's haproxy hook; holds links. */
export const HAPROXY = 'haproxy'

export const HIDDEN = '.dns01'
export const JOURNAL = `${HIDDEN}/journal`
export const LEDGER = `${HIDDEN}/ledger.json`
export const HISTORY = `${HIDDEN}/history.json`
/** The lock of the last run that found nothing to do. */
export const LAST_RUN = `${HIDDEN}/last-run`
export const RENEWAL_INFO = `${HIDDEN}/renewal-info.json`
/** What was served at the places of targets' `check`. */
export const SERVED = `${HIDDEN}/served.json`
/** Changes of account keys that are under way: a folder for each, named by the id of the new key. */
export const ROLLOVER = `${HIDDEN}/rollover`
/** Where conform() puts what it cannot leave and will not delete. */
export const SET_ASIDE = `${HIDDEN}/set-aside`

/** What base32Id() gives. A folder of such a name that is not whole makes acmetool refuse the whole directory. */
export const ID_FORM = /^[a-z2-7]{52}$/

/**
 * Files that everybody may read by the schema, unless conf/perm says otherwise: a certificate is not a secret, nor is
 * what is wanted.
 */
const PUBLIC_FILE =
  /^(certs\/[a-z2-7]{52}\/(cert|chain|fullchain|url|revoke|revoked)|desired\/[^/]+|conf\/(target|csr\/[^/]+\.pem|responses(\/[^/]+\.(ya?ml|json))?|perm|webroot-path|rsa-key-size|dhparams|dns\.yml))$/
/** `haproxy` is the hook's. */
const PUBLIC_FOLDER = /^(certs(\/[a-z2-7]{52})?|conf(\/(responses|csr))?|desired|live|haproxy)$/

/** Whether the schema names it as something for all to read. Whatever else somebody puts beside may be a secret. */
export const isPublic = (path: string, kind: 'file' | 'folder'): boolean =>
  (kind === 'file' ? PUBLIC_FILE : PUBLIC_FOLDER).test(path)

/** Names that begin with a dot are neither read nor changed by acmetool, nor by us. */
export const isHidden = (name: string): boolean => name.startsWith('.')

export const keyFolder = (keyId: string): string => `keys/${keyId}`
export const keyPath = (keyId: string): string => `keys/${keyId}/privkey`
export const certificateFolder = (certificateId: string): string => `certs/${certificateId}`
export const certificatePath = (certificateId: string, file: string): string => `certs/${certificateId}/${file}`
export const accountFolder = (accountId: string): string => `accounts/${accountId}`
export const accountPath = (accountId: string): string => `accounts/${accountId}/privkey`
export const rolloverFolder = (newKeyId: string): string => `${ROLLOVER}/${newKeyId}`
export const targetPath = (file: string): string => `desired/${file}`
/**
 * The copy that `want --csr` keeps of a request, for this file of desired/. Relative to the state directory, as
 * request.csr is.
 */
export const csrPath = (file: string): string => `conf/csr/${file}.pem`
export const confPath = (name: string): string => `conf/${name}`
export const livePath = (link: string): string => `live/${link}`
export const journalPath = (id: string): string => `${JOURNAL}/${id}.json`

/** What stands in the links; always relative, or acmetool refuses the directory. */
export const liveLinkTo = (certificateId: string): string => `../certs/${certificateId}`
export const accountLinkTo = (accountId: string): string => `../../accounts/${accountId}`
export const keyLinkTo = (keyId: string): string => `../../keys/${keyId}/privkey`

/**
 * Id of the certificate that the order at this URL gives, known before it exists. White space around the URL does not
 * count.
 */
export const certificateId = (url: string): string => base32Id(url.trim())

/**
 * In the place of an order's URL where there is no order: acmetool wants one, and by it we know what it is. Nothing is ever asked
 * of it: names below `.invalid` exist nowhere (RFC 6761 §6.4).
 */
export const PLACEHOLDERS = 'https://placeholder.dns01.invalid/'

/** A self-signed certificate that stands in live/ until a CA has issued one. */
export const isPlaceholder = (url: string): boolean => url.startsWith(PLACEHOLDERS)

/** As PLACEHOLDERS: what came from a CA by hand (`dns01 import-cert`). The id of the key and the serial number follow. */
export const IMPORTED = 'https://imported.dns01.invalid/'

export const isImported = (url: string): boolean => url.startsWith(IMPORTED)

/** SERVER/KEYID, the folder of an account below accounts/. @throws as serverPart() */
export const accountId = (directory: string, keyId: string): string => `${serverPart(directory)}/${keyId}`

/**
 * The SERVER of accounts/SERVER for an ACME directory URL. Works on the text, since `new URL()` would drop `:443` and
 * lower-case the host, which acmetool keeps. Compare CAs by this: `https://ca.test` and `https://ca.test/` are one.
 * @throws Dns01Error CONFIG for what acmetool could not open again: not http or https, a query without a path
 */
export function serverPart(directory: string): string {
  const [, scheme, rest] = directory.match(/^(https?):\/\/(.+)$/is) ?? []
  if (scheme === undefined || rest === undefined || !URL.canParse(directory))
    throw new Dns01Error('CONFIG', `${JSON.stringify(directory)} is not the URL of an ACME directory`, {
      hint: 'give the whole URL, such as https://acme-v02.api.letsencrypt.org/directory',
    })
  if (/^[^/?]*\/?\?/.test(rest))
    throw new Dns01Error('CONFIG', `the ACME directory URL ${directory} has a query but no path`, {
      hint: 'acmetool cannot open a state directory with an account of such a server',
    })
  const legal = rest.replace(/[^\u0021-\u007e]/gu, encodeURIComponent)
  const short = /^[^/]*\/$/.test(legal) ? legal.slice(0, -1) : legal
  return (scheme.toLowerCase() === 'http' ? 'http:' : '') + encodeAll(short)
}

/** Percent-encodes all but the unreserved characters of RFC 3986 §2.3; escapes in lower case. */
const encodeAll = (text: string): string =>
  text.replace(/[^A-Za-z0-9\-_.~]/g, c => `%${c.charCodeAt(0).toString(16).padStart(2, '0')}`)

/** The directory URL that a SERVER stands for; one without a path gets `/`. */
export function directoryUrl(server: string): string {
  const http = server.startsWith('http:')
  const [authority = '', ...path] = decode(http ? server.slice(5) : server).split('/')
  return `${http ? 'http' : 'https'}://${authority}/${path.join('/')}`
}

/**
 * Whether a folder of accounts/ is spelled as serverPart() spells it; acmetool refuses the directory for any other.
 */
export function isServerPart(server: string): boolean {
  try {
    return serverPart(directoryUrl(server)) === server
  } catch {
    return false
  }
}

const decode = (text: string): string =>
  text.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

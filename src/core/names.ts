// Domain names, parsed once where they come in. Inside dns01 a name has one spelling (lower case, A-labels, no final
// dot), so that equality of strings is equality of names (RFC 4343) and nobody normalises twice.
import { domainToASCII } from 'node:url'
import { Dns01Error } from './errors.js'

/**
 * A domain name as we hold it everywhere: lower case, A-labels, no final dot, perhaps `*.` in front (RFC 9499 §2, RFC 5890
 * §2.3.2.1).
 */
export type Name = string & { readonly __name: unique symbol }

const ADDRESS = /^(\d{1,3}\.){3}\d{1,3}$|^\[?[0-9a-f]*:[0-9a-f:.]*\]?$/i
const LABEL = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/

/** Names as people list them: a word each, or several in one word with commas between. @throws Dns01Error USAGE */
export const parseNames = (words: readonly string[]): Name[] => words.flatMap(splitAtCommas).map(parseName)

function splitAtCommas(word: string): string[] {
  if (!word.includes(',')) return [word]
  const parts = word.split(',').flatMap(part => part.trim() || [])
  return parts.length > 0 ? parts : [word]
}

const wrong = (text: string, why: string, hint?: string): Dns01Error =>
  new Dns01Error('USAGE', `${JSON.stringify(text)} is not a host name: ${why}`, { hint })

/**
 * Parses what a person typed. Upper case, one final dot and international names are normalised (UTS 46).
 * A name is at most 253 bytes of labels of 1 to 63 bytes (RFC 1035 §2.3.4); `*.` may stand in front once (RFC 4592 §2.1.1).
 * @throws Dns01Error USAGE
 */
export function parseName(text: string): Name {
  if (text === '') throw wrong(text, 'it is empty')
  const host = text.match(/^[a-z][a-z0-9+.-]*:\/\/(?:[^/@]*@)?([^/:?#@]+)/i)?.[1]
  if (host !== undefined) throw wrong(text, 'it appears to be a URL', `give the host name alone: ${host}`)
  refuseAddress(text, text)
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are exactly what is refused here
  const bad = text.match(/[\s/\\%?#@[\]<>"'`|^{}\u0000-\u001f\u007f]/)
  const alone = text.split(/[:/]/)[0] || 'www.example.com'
  const hint = `give the host name alone: ${alone}`
  if (bad) throw wrong(text, `it has the character ${JSON.stringify(bad[0])}`, bad[0] === '/' ? hint : undefined)
  if (text.includes(':')) throw wrong(text, 'it has the character ":"', `${hint}, without scheme or port`)
  const wildcard = text.startsWith('*.')
  const bare = (wildcard ? text.slice(2) : text).replace(/\.$/, '')
  if (bare.includes('*')) throw wrong(text, '"*" may stand only once, as the whole first label')
  const ascii = toAscii(bare, text)
  refuseAddress(ascii, text)
  const labels = ascii.split('.')
  for (const label of labels) checkLabel(label, text)
  const name = (wildcard ? '*.' : '') + labels.join('.')
  if (name.length > 253) throw wrong(text, `it is ${name.length} bytes long, at most 253 are allowed`)
  return name as Name
}

/** Asked before and after UTS 46, which makes 192.0.2.1 of fullwidth digits, and 0.0.0.1 of a single one. */
function refuseAddress(candidate: string, text: string): void {
  if (ADDRESS.test(candidate)) throw wrong(text, 'it is an IP address', 'DNS-01 proves names; give the host a name')
}

function toAscii(bare: string, text: string): string {
  const lower = bare.toLowerCase()
  // plain ASCII stays as it is: domainToASCII would make the address 127.0.0.1 of "0x7f.1"
  if (/^[a-z0-9_.-]*$/.test(lower) && !lower.includes('xn--')) return lower
  const ascii = domainToASCII(lower)
  if (ascii === '') throw wrong(text, 'it is not a valid international name (UTS 46)')
  return ascii
}

function checkLabel(label: string, text: string): void {
  if (label === '') throw wrong(text, 'it has an empty label (two dots in a row, or one in front)')
  if (label.length > 63)
    throw wrong(text, `the label "${label.slice(0, 12)}…" is ${label.length} bytes long, at most 63`)
  if (!LABEL.test(label)) throw wrong(text, `the label "${label}" may hold letters, digits and inner hyphens only`)
}

/** The name without its `*.`: what the CA's identifier says (RFC 8555 §7.1.4). */
export const withoutWildcard = (name: Name): Name => (name.startsWith('*.') ? (name.slice(2) as Name) : name)

/**
 * Where the proof stands: `_acme-challenge.` and the name without `*.` (RFC 8555 §8.4).
 * @throws Dns01Error USAGE when that is longer than 253 bytes
 */
export const challengeName = (name: Name): Name => provedAt('_acme-challenge.', name)

/**
 * Where the proof stands with dns-account-01: `_LABEL._acme-challenge.` and the name without `*.`
 * (draft-ietf-acme-dns-account-label). `label` is accountLabel() of acme/challenge.ts.
 * @throws Dns01Error USAGE as challengeName()
 */
export const accountChallengeName = (name: Name, label: string): Name => provedAt(`${label}._acme-challenge.`, name)

/** Where the record of dns-persist-01 stands (draft-ietf-acme-dns-persist). @throws Dns01Error USAGE as challengeName() */
export const persistName = (name: Name): Name => provedAt('_validation-persist.', name)

function provedAt(prefix: string, name: Name): Name {
  const base = withoutWildcard(name)
  const whole = `${prefix}${base}`
  if (whole.length > 253) throw wrong(name, `${prefix}${base.slice(0, 20)}… is longer than 253 bytes`)
  return whole as Name
}

/** An account's label is ten octets in base32: 16 characters (draft-ietf-acme-dns-account-label). */
const PROVED_AT = /^(_[a-z2-7]{16}\.)?_acme-challenge\./

/** Whether it is where the proof of some account's own stands: a program that is told the host alone cannot find it. */
export const isAccountChallengeName = (name: Name): boolean => PROVED_AT.exec(name)?.[1] !== undefined

/** Of a host its challenge name; a challenge name, of either kind, as it is. */
export const asChallengeName = (name: Name): Name => (PROVED_AT.test(name) ? name : challengeName(name))

/** A challenge name without the label that they all have: `host`, or `_LABEL.host`, which no other account shares. */
export const withoutChallengeLabel = (name: Name): string => name.replace(PROVED_AT, '$1')

/** Whether `name` is `zone` or below it, compared by labels: evilexample.test is not in example.test. The root ('') holds all. */
export const isWithin = (name: Name, zone: Name): boolean => zone === '' || name === zone || name.endsWith(`.${zone}`)

/** The name and its ancestors, longest first, without the root: a.b.c → a.b.c, b.c, c. */
export function ancestors(name: Name): Name[] {
  const labels = name.split('.')
  return labels.map((_, i) => labels.slice(i).join('.') as Name)
}

/** The key among `keys` that holds `name` with the most labels; undefined if none does. */
export const longestMatch = (name: Name, keys: Iterable<Name>): Name | undefined =>
  [...keys].filter(key => isWithin(name, key)).sort((a, b) => b.length - a.length)[0]

/** `www.example.com +2`: the first name and how many others. */
export const shortNames = (names: readonly string[], otherwise = ''): string => {
  const [first = otherwise] = names
  return names.length > 1 ? `${first} +${names.length - 1}` : first
}

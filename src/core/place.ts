// Where a certificate is served: `host:port` as people write it, and what must be said there before TLS begins. Used by targets
// (`check`) and on the command line (`probe --served`).
import { Dns01Error } from './errors.js'
import { type Name, parseName } from './names.js'
import type { Target } from './target.js'

/** What is spoken before TLS; `tls`: nothing, TLS begins at once. */
export const dialogues = ['tls', 'smtp', 'imap', 'pop3', 'ldap', 'postgres', 'ftp'] as const
export type Dialogue = (typeof dialogues)[number]

export interface Place {
  /** As it was written, without what goes without saying: it is what people know it by. */
  readonly text: string
  /** A name or an address; '': each name of the target. */
  readonly host: string
  readonly port: number
  readonly dialogue: Dialogue
}

/** Registered ports (IANA) where TLS begins only after some words: SMTP, submission, IMAP, POP3, LDAP, PostgreSQL, FTP. */
const SPOKEN: Readonly<Record<number, Dialogue>> = {
  25: 'smtp',
  587: 'smtp',
  143: 'imap',
  110: 'pop3',
  389: 'ldap',
  5432: 'postgres',
  21: 'ftp',
}

/** What may stand in front of `://`, with the port that it means. An `s` at the end is TLS at once, as everywhere. */
const SCHEMES: Readonly<Record<string, readonly [Dialogue, port: number]>> = {
  tls: ['tls', 443],
  https: ['tls', 443],
  smtp: ['smtp', 25],
  smtps: ['tls', 465],
  imap: ['imap', 143],
  imaps: ['tls', 993],
  pop3: ['pop3', 110],
  pop3s: ['tls', 995],
  ldap: ['ldap', 389],
  ldaps: ['tls', 636],
  postgres: ['postgres', 5432],
  postgresql: ['postgres', 5432],
  ftp: ['ftp', 21],
  ftps: ['tls', 990],
}

/**
 * `www.example.com`, `www.example.com:8443`, `[2001:db8::1]:443`, `smtp://mail.example.com:587`. Without a port 443, or that of
 * the scheme; without a scheme what the port is registered for, or `dialogue`.
 * @throws Dns01Error USAGE
 */
export function parsePlace(text: string, dialogue?: Dialogue): Place {
  const wrong = (why: string): Dns01Error =>
    new Dns01Error('USAGE', `${JSON.stringify(text)} is not a place where something is served: ${why}`, {
      hint: 'write HOST, HOST:PORT, or smtp://HOST:PORT (imap, pop3, ldap, postgres, ftp, tls); [ADDRESS]:PORT for IPv6',
    })
  const [, scheme, rest = ''] = text.match(/^(?:([a-z0-9]+):\/\/)?(.*?)\/?$/i) ?? []
  const known = scheme === undefined ? undefined : SCHEMES[scheme.toLowerCase()]
  if (scheme !== undefined && !known) throw wrong(`there is no ${scheme}:// here`)
  if (known && dialogue !== undefined && known[0] !== dialogue)
    throw wrong(`it says ${scheme}, and --starttls ${dialogue}`)
  const [, bracketed, bare, port] = rest.match(/^(?:\[([0-9a-f:.%a-z]+)\]|([^[\]:/]*))(?::(\d{1,5}))?$/i) ?? []
  if (bracketed === undefined && bare === undefined) throw wrong('it is not HOST:PORT')
  const number = port === undefined ? (known?.[1] ?? 443) : Number(port)
  if (number < 1 || number > 65_535) throw wrong(`there is no port ${number}`)
  const host = bracketed ?? hostOf(bare ?? '')
  if (text.trim() === '') throw wrong('it is empty')
  if (host.startsWith('*.')) throw wrong('a wildcard has no address; name a host that it covers')
  return { text, host, port: number, dialogue: dialogue ?? known?.[0] ?? SPOKEN[number] ?? 'tls' }
}

const hostOf = (text: string): string => (text === '' || /^[\d.]+$/.test(text) ? text : parseName(text))

/** One look: where, and the name that is asked for there (SNI, RFC 6066 §3); without one the server shows what it likes. */
export interface WhatToLook {
  readonly place: Place
  readonly name: Name | undefined
}

/**
 * All looks of a target's `check`. A place without a host is one for each name; at one with a host that the certificate is
 * not for (an address, a machine behind it) its first name is asked for.
 */
export function looksOf({ check = [], names }: Pick<Target, 'check' | 'names'>): WhatToLook[] {
  const hosts = names.filter(name => !name.startsWith('*.'))
  return check.flatMap((place): WhatToLook[] => {
    if (place.host === '')
      return hosts.map(name => ({ place: { ...place, host: name, text: withHost(place, name) }, name }))
    return [{ place, name: covered(place.host, names) ?? hosts[0] ?? asName(place.host) }]
  })
}

const withHost = ({ text, port }: Place, host: string): string =>
  text.replace(/(^|:\/\/)(?=:|\/|$)/, `$1${host}`) || `${host}:${port}`

/** The host itself, where one of the names is it, or a wildcard for it (RFC 9525 §6.3). */
const covered = (host: string, names: readonly Name[]): Name | undefined =>
  names.some(name => name === host || (name.startsWith('*.') && name.slice(1) === host.replace(/^[^.]+/, '')))
    ? (host as Name)
    : undefined

const asName = (host: string): Name | undefined =>
  /[a-z]/i.test(host) && !host.includes(':') ? (host as Name) : undefined

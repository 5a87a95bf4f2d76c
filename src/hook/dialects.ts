/**
 * How five other ACME clients call their hooks, each read into the same HookCall. They differ in words, variables and exit
 * statuses, and agree in what they want: a TXT value placed or removed. Each dialect names the file of its client that it was
 * read from, since no two document it completely. The other direction, dns01 calling the hooks of others, is
 * providers/exec/dialects.ts.
 */

import { createHash } from 'node:crypto'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, parseName, withoutWildcard } from '../core/names.js'
import type { World } from '../core/world.js'
import { notMyEvent } from '../provider/hook-scripts.js'
import type { RecordRequest } from '../publish/locate.js'

/** What another ACME client wants of its hook. */
export interface HookCall {
  readonly action: 'present' | 'cleanup'
  readonly requests: readonly Omit<RecordRequest, 'dns'>[]
  /** This client leaves it to the hook to wait until all servers show the values. */
  readonly waits: boolean
  /** Hosts for which it will call again before it tells the CA. */
  readonly later: readonly Name[]
  /** It gives the whole certificate up when a cleanup fails. */
  readonly cleanupMustNotFail?: boolean
}

type Env = World['env']
type Action = HookCall['action']

/** What `dns01 hook` does besides, with the hooks of this machine. */
export const hookActions = ['list', 'enable', 'disable'] as const

/** How one client speaks: its words and variables, read; a number is the exit status that says "not for me". */
interface HookDialect {
  readonly usage: string
  /** undefined: it does not speak so. */
  read(words: readonly string[], env: Env): HookCall | number | undefined
}

/**
 * acmetool's hooks (hooks/hooks.go): 42 for every other event. The word `wildcard` is passed by its code, not by its
 * specification.
 */
const acmetool: HookDialect = {
  usage: 'challenge-dns-start|challenge-dns-stop HOST TARGETFILE VALUE [wildcard]',
  read: ([event, host, targetFile, value, wildcard]) => {
    const action = choose({ 'challenge-dns-start': 'present', 'challenge-dns-stop': 'cleanup' }, event)
    if (!action) return notMyEvent
    if (!host || targetFile === undefined || !value) return undefined
    const request = requestFor(host, value, { targetFile, wildcard: wildcard === 'wildcard' })
    return { action, requests: [request], waits: true, later: [] }
  },
}

/**
 * certbot --manual-auth-hook and --manual-cleanup-hook (plugins/manual.py): all auth calls come first, in the order of
 * CERTBOT_ALL_DOMAINS, of which the last CERTBOT_REMAINING_CHALLENGES are still to come. CERTBOT_TOKEN belongs to http-01.
 */
const certbot: HookDialect = {
  usage: 'auth|cleanup, with CERTBOT_DOMAIN and CERTBOT_VALIDATION in the environment',
  read: ([operation], env) => {
    const action = choose({ auth: 'present', cleanup: 'cleanup' }, operation)
    const host = env.CERTBOT_IDENTIFIER || env.CERTBOT_DOMAIN
    const value = env.CERTBOT_VALIDATION
    if (!action || !host || !value) return undefined
    if (env.CERTBOT_TOKEN) throw wrongChallenge(host, 'call certbot with --preferred-challenges dns')
    const remaining = Number(env.CERTBOT_REMAINING_CHALLENGES || 0)
    const all = (env.CERTBOT_ALL_IDENTIFIERS || env.CERTBOT_ALL_DOMAINS || '').split(',').filter(name => name !== '')
    const later = remaining > 0 ? all.slice(-remaining).map(hostNamed) : []
    return { action, requests: [requestFor(host, value)], waits: true, later }
  },
}

/** dehydrated's hook (docs/examples/hook.sh): triples, several in one call with HOOK_CHAIN; unknown operations must exit 0. */
const dehydrated: HookDialect = {
  usage: 'deploy_challenge|clean_challenge DOMAIN TOKENFILE VALUE [DOMAIN TOKENFILE VALUE]…',
  read: ([operation, ...words]) => {
    const action = choose({ deploy_challenge: 'present', clean_challenge: 'cleanup' }, operation)
    if (!action) return 0
    if (words.length === 0 || words.length % 3 !== 0) return undefined
    const starts = words.flatMap((_, i) => (i % 3 === 0 ? [i] : []))
    const requests = starts.map(i =>
      requestFor(words[i] as string, words[i + 2] as string, { token: words[i + 1] as string }),
    )
    return { action, requests, waits: true, later: [], cleanupMustNotFail: true }
  },
}

/**
 * lego's exec provider (providers/dns/exec/exec.go): the record's name after CNAMEs and its value, or with EXEC_MODE=RAW
 * what they are made of. lego itself waits for the servers.
 */
const lego: HookDialect = {
  usage: 'present|cleanup FQDN VALUE, or present|cleanup -- DOMAIN TOKEN KEYAUTH (EXEC_MODE=RAW)',
  read: ([operation, ...words]) => {
    const action = choose({ present: 'present', cleanup: 'cleanup' }, operation)
    const request = words[0] === '--' ? rawRequest(words.slice(1)) : locatedRequest(words)
    return action && request && { action, requests: [request], waits: false, later: [] }
  },
}

function rawRequest([domain, token, keyAuthorization]: readonly string[]): Omit<RecordRequest, 'dns'> | undefined {
  if (!domain || !token || !keyAuthorization) return undefined
  const value = createHash('sha256').update(keyAuthorization).digest('base64url') // RFC 8555 §8.4
  return requestFor(domain, value, { token, keyAuthorization })
}

/** After CNAMEs nothing tells the host any more; the record's name then stands for it. */
function locatedRequest([fqdn, value]: readonly string[]): Omit<RecordRequest, 'dns'> | undefined {
  if (!fqdn || !value) return undefined
  const at = parseName(fqdn)
  return { ...requestFor(at.replace(/^_acme-challenge\./, ''), value), at }
}

/** uacme -h (uacme.1): `begin` with another status than 0 declines the challenge, and no further call comes then. */
const uacme: HookDialect = {
  usage: 'begin|done|failed TYPE IDENT TOKEN AUTH',
  read: ([method, type, host, token, value]) => {
    const action = choose({ begin: 'present', done: 'cleanup', failed: 'cleanup' }, method)
    if (!action || !type) return undefined
    if (type !== 'dns-01') return declined
    if (!host || token === undefined || !value) return undefined
    return { action, requests: [requestFor(host, value, { token })], waits: true, later: [] }
  },
}

/** Any other status than 0: uacme tries the next challenge then. */
const declined = 1

const DIALECTS: Readonly<Record<string, HookDialect>> = { acmetool, certbot, dehydrated, lego, uacme }

/**
 * What a client wants, by the words and the environment of its call; or the exit status by which it hears "not for me".
 * @throws Dns01Error USAGE when this client does not speak so
 */
export function readHookCall(dialect: string, words: readonly string[], env: Env): HookCall | number {
  const spoken = Object.hasOwn(DIALECTS, dialect) ? DIALECTS[dialect] : undefined
  if (!spoken) {
    const hint = didYouMean(dialect, [...Object.keys(DIALECTS), ...hookActions])
    throw new Dns01Error('USAGE', `dns01 is not a hook of "${dialect}"`, { hint })
  }
  const call = spoken.read(words, env)
  if (call !== undefined) return call
  throw new Dns01Error('USAGE', `a hook of ${dialect} is not called like this: ${words.join(' ') || 'no words'}`, {
    hint: `dns01 hook ${dialect} ${spoken.usage}`,
  })
}

/** hasOwn: a word comes from outside, and `constructor` is in every object. */
const choose = (actions: Readonly<Record<string, Action>>, word: string | undefined): Action | undefined =>
  word !== undefined && Object.hasOwn(actions, word) ? actions[word] : undefined

/** Some clients pass the wildcard's `*.`, others do not: the record's name is the same. */
const hostNamed = (text: string): Name => withoutWildcard(parseName(text))

/** A value in the right form, to call a hook by hand: base64url of the SHA-256 of nothing. */
const sampleValue = '47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU'

/** @throws Dns01Error USAGE when the value is none of dns-01: 43 characters of base64url, a SHA-256 (RFC 8555 §8.4) */
function requestFor(
  host: string,
  value: string,
  facts: Partial<RecordRequest['challenge']> = {},
): Omit<RecordRequest, 'dns'> {
  if (!/^[\w-]{43}$/.test(value)) throw wrongValue(host, value)
  const challenge = {
    host: hostNamed(host),
    wildcard: host.startsWith('*.'),
    token: '',
    keyAuthorization: '',
    targetFile: '',
  }
  return { challenge: { ...challenge, ...facts, env: {} }, value }
}

/** The usual mistake: the client was left at http-01, whose values are longer. */
const wrongChallenge = (host: string, hint: string): Dns01Error =>
  new Dns01Error('USAGE', `${host}: this is not the value of a dns-01 challenge`, { hint })

function wrongValue(host: string, value: string): Dns01Error {
  const shown = JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value)
  const is = `${shown} (${[...value].length} characters)`
  return wrongChallenge(
    host,
    `it must be 43 characters of base64url, as SHA-256 gives, and is ${is}: choose dns-01 in the settings of the client; ` +
      `to try by hand: ${sampleValue}`,
  )
}

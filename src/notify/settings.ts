// Who is told, by DNS01_NOTIFY_… in the environment: most of it is secret (the address of a webhook is its password), so it has its
// place in the env file, as the secrets of providers have, and not in conf/, which everybody may read.
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { Settings } from '../provider/api.js'
import { settingValues } from '../provider/loader.js'
import { mail } from './mail.js'
import type { Message } from './message.js'
import { WEBHOOKS, webhook } from './webhooks.js'

/** One way of telling, ready to be used. */
export interface Channel {
  readonly name: string
  /** Where to, without what is secret in it. */
  readonly to: string
  /** Returns what the receiver said. @throws Dns01Error, or the signal's reason */
  send(message: Message, signal: AbortSignal): Promise<string>
}

export type NotifyWorld = Pick<World, 'env' | 'files' | 'log' | 'fetch' | 'run' | 'mail' | 'self'>

/** A kind of channel: it is in use when the first of its settings is set. */
export interface Kind {
  readonly name: string
  readonly settings: Settings
  open(world: NotifyWorld, values: Readonly<Record<string, string | undefined>>): Channel
}

export const KINDS: readonly Kind[] = [mail, ...WEBHOOKS.map(webhook)]

/** Days left at which is told; see decide.ts. */
const DAYS_LEFT = 'DNS01_NOTIFY_DAYS_LEFT'

export interface Notifying {
  readonly channels: readonly Channel[]
  readonly daysLeft: readonly number[]
}

/**
 * All that are set. What begins with DNS01_NOTIFY_ and is none of ours was meant for us: in silence, nobody would be told.
 * Secrets are masked in the log from here on.
 * @throws Dns01Error CONFIG
 */
export function openNotifying(world: NotifyWorld): Notifying {
  refuseUnknown(world.env)
  const inUse = KINDS.filter(({ settings }) => isSet(world.env, Object.values(settings)[0]?.env))
  for (const kind of inUse) refuseMissing(world.env, kind)
  const channels = inUse.map(kind => kind.open(world, settingValues(world, kind, {})))
  return { channels, daysLeft: daysLeft(world.env) }
}

/** Every variable of notices, without _FILE. */
export const VARIABLES: readonly string[] = [
  ...KINDS.flatMap(({ settings }) => Object.values(settings).flatMap(({ env }) => env)),
  DAYS_LEFT,
]

const isSet = (env: World['env'], names: readonly string[] = []): boolean =>
  names.some(name => env[name] || env[`${name}_FILE`])

function refuseMissing(env: World['env'], { name, settings }: Kind): void {
  const missing = Object.values(settings).find(({ required, env: names }) => required && !isSet(env, names))
  if (missing)
    throw new Dns01Error('CONFIG', `${missing.env[0]} is not set, which notices by ${name} need`, {
      hint: `the ${missing.help}; ${missing.env[0]}_FILE may name a file that holds it`,
    })
}

function refuseUnknown(env: World['env']): void {
  const known = new Set(VARIABLES.flatMap(name => [name, `${name}_FILE`]))
  const strange = Object.keys(env).find(name => name.startsWith('DNS01_NOTIFY_') && !known.has(name))
  if (strange !== undefined)
    throw new Dns01Error('CONFIG', `${strange} is set, but nothing reads it`, { hint: didYouMean(strange, VARIABLES) })
}

function daysLeft(env: World['env']): number[] {
  const said = (env[DAYS_LEFT] ?? '').split(/[\s,]+/).filter(text => text !== '')
  const wrong = said.find(text => !/^\d{1,3}(\.\d+)?$/.test(text) || Number(text) === 0)
  if (wrong !== undefined)
    throw new Dns01Error('CONFIG', `${DAYS_LEFT} must be numbers of days, not "${wrong}"`, {
      hint: 'such as 14 or 14,7,1: a notice is sent when a certificate that is not renewed comes to each of them',
    })
  return said.map(Number)
}

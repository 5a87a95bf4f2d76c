/** The env file, which every run reads: variables with secrets that must not get into conf/. */

import { dirname } from 'node:path'
import { loadEnv } from '../config/env-file.js'
import { readSecretFile } from '../config/secret-file.js'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { isThere, withoutLinks, writeOutside } from './outside.js'

export type Variables = Readonly<Record<string, string>>

export const envFile = ({ env }: Pick<World, 'env'>): string => env.DNS01_ENV_FILE || '/etc/dns01/env'

/**
 * Sets these variables in the env file, made with mode 0600 if there is none; other lines stay. Nothing is touched when
 * there is nothing to set.
 * @throws Dns01Error CONFIG for a value that no line can hold, or a file that others can read; STATE
 */
export async function writeEnv(world: Pick<World, 'env' | 'files' | 'random'>, variables: Variables): Promise<void> {
  if (Object.keys(variables).length === 0) return
  const path = withoutLinks(world.files, envFile(world))
  const before = isThere(world.files, path) ? world.files.info(path) : undefined
  const text = before ? readSecretFile(world.files, path, 'the env file') : ''
  await writeOutside(world, path, withVariables(text, variables), before?.mode ?? 0o600)
  const after = world.files.info(path)
  if (before && after && (before.uid !== after.uid || before.gid !== after.gid))
    await world.files.setRights(dirname(path), path, after, { uid: before.uid, gid: before.gid })
}

/** Variables for the env file, beside what it has. */
export interface NewVariables {
  /** Those that it lacks. */
  readonly fresh: Variables
  /** Those that it has with another value, which stays. */
  readonly kept: readonly string[]
  /** Whether this user has an env file to write: root, and who names one. */
  readonly writable: boolean
}

/** @throws Dns01Error CONFIG for an env file that cannot be read, or a value that no line can hold */
export async function newVariables(
  { env, files, self }: Pick<World, 'env' | 'files' | 'self'>,
  variables: Variables,
): Promise<NewVariables> {
  const there = await loadEnv(files, { DNS01_ENV_FILE: env.DNS01_ENV_FILE }, undefined)
  const all = Object.entries(variables)
  const fresh = Object.fromEntries(all.filter(([name]) => there[name] === undefined))
  withVariables('', fresh) // throws
  const kept = all.flatMap(([name, value]) => ((there[name] ?? value) === value ? [] : [name]))
  return { fresh, kept, writable: self.uid === 0 || Boolean(env.DNS01_ENV_FILE) }
}

/** A line of what is, or would be, written: names only. */
export const variableLines = (world: Pick<World, 'env'>, { fresh, kept, writable }: NewVariables): string[] => {
  const names = Object.keys(fresh).join(', ')
  return [
    ...(names && writable ? [`${envFile(world)}  ${names}`] : []),
    ...(names && !writable
      ? [`not taken over: ${names}; put them into a file of mode 0600 and name it by --env-file`]
      : []),
    ...(kept.length > 0 ? [`not taken over: ${kept.join(', ')}, since ${envFile(world)} has other values`] : []),
  ]
}

export const writeNewVariables = async (
  world: Pick<World, 'env' | 'files' | 'random'>,
  { fresh, writable }: NewVariables,
): Promise<void> => {
  if (writable) await writeEnv(world, fresh)
}

/** The text of an env file with these variables set: in their lines, else at the end. */
export function withVariables(text: string, variables: Variables): string {
  const left = new Map(Object.entries(variables))
  const lines = text === '' ? [] : text.replace(/\n$/, '').split('\n')
  const changed = lines.map(line => {
    const name = line.match(/^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=/)?.[1] ?? ''
    const value = variables[name]
    if (value === undefined) return line
    left.delete(name)
    return lineOf(name, value)
  })
  return [...changed, ...[...left].map(([name, value]) => lineOf(name, value))].map(line => `${line}\n`).join('')
}

function lineOf(name: string, value: string): string {
  const quote = ["'", '"'].find(each => !value.includes(each))
  if (quote === undefined || /[\0\r\n]/.test(value) || (quote === '"' && /[\\$`]/.test(value)))
    throw new Dns01Error('CONFIG', `the value of ${name} does not fit into a line of the env file`, {
      hint: `write it into a file of mode 0600, and that file's path into ${name}_FILE`,
    })
  return `${name}=${quote}${value}${quote}`
}

/** The hooks of this machine: which there are and who wrote them, and those that come with dns01 switched on and off. */

import { join } from 'node:path'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf, withDetails } from '../core/errors.js'
import { weakness } from '../core/trust.js'
import type { FileInfo, World } from '../core/world.js'
import { hookFolders, infoAfterLinks, lookingInto } from '../provider/hook-scripts.js'
import { folderFor, HAPROXY, isOurs, isShipped, RELOAD, SHIPPED, shippedText } from './hooks.js'
import { isForbidden, readText, writeOutside } from './outside.js'

/** A file in a folder of hooks. */
export interface HookFile {
  readonly path: string
  readonly name: string
  /** `shipped`: as it came; `other version`: ours, older or changed; `off`: empty; `own`: not ours. */
  readonly origin: 'shipped' | 'other version' | 'off' | 'own'
  /** Why it is not run; undefined when it is. */
  readonly fault?: string | undefined
  /** The command that mends that. */
  readonly hint?: string | undefined
}

type Looking = Pick<World, 'files' | 'self' | 'env'>

/**
 * In the order in which they run, with those that do not. Changes nothing.
 * @throws Dns01Error CONFIG for a folder that we may not look into: that there is none would be a lie
 */
export function listHooks(world: Looking): HookFile[] {
  const there = hookFolders(world.env).filter(folder =>
    lookingInto(folder, () => world.files.info(folder) !== undefined),
  )
  return there.flatMap(folder =>
    lookingInto(folder, () =>
      world.files
        .list(folder)
        .filter(({ name }) => !name.startsWith('.'))
        .map(({ name }) => hookFile(world, join(folder, name), name)),
    ),
  )
}

function hookFile(world: Looking, path: string, name: string): HookFile {
  const info = infoAfterLinks(world.files, path)
  return { path, name, origin: originOf(world, { path, name }, info), ...faultOf(world, path, info) }
}

function originOf(
  { files }: Looking,
  { path, name }: Pick<HookFile, 'path' | 'name'>,
  info: FileInfo | undefined,
): HookFile['origin'] {
  if (info?.kind === 'file' && info.sizeBytes === 0) return 'off'
  const text = info?.kind === 'file' && isShipped(name) ? readText(files, path) : undefined
  if (text === undefined || !isOurs(files, path)) return 'own'
  return text === shippedText(files, name) ? 'shipped' : 'other version'
}

function faultOf(world: Looking, path: string, info: FileInfo | undefined): Pick<HookFile, 'fault' | 'hint'> {
  if (info === undefined) return { fault: 'the link leads nowhere', hint: `rm ${path}` }
  if (info.kind !== 'file') return { fault: 'it is not a file' }
  if (info.sizeBytes === 0) return { fault: 'it is empty, which switches it off' }
  if ((info.mode & 0o111) === 0) return { fault: 'it is not executable', hint: `chmod a+x ${path}` }
  const weak = weakness(world, path)
  return weak ? { fault: `${weak.path} ${weak.why}`, hint: weak.hint } : {}
}

const WORDS = {
  shipped: 'comes with dns01',
  'other version': 'comes with dns01, but is older or changed',
  off: 'switched off',
  own: 'yours',
} as const

/** What there is, and what there is to be had. */
export function hookLines(hooks: readonly HookFile[]): string[] {
  const width = Math.max(0, ...hooks.map(({ path }) => path.length))
  const installed = hooks.flatMap(({ path, origin, fault, hint }) => [
    `${path.padEnd(width)}  ${WORDS[origin]}${fault === undefined || origin === 'off' ? '' : `; NOT RUN: ${fault}`}`,
    ...(hint === undefined ? [] : [`${' '.repeat(width)}  ${hint}`]),
  ])
  const on = hooks.flatMap(({ name, origin }) => (origin === 'off' ? [] : [name]))
  const left = SHIPPED.filter(name => !on.includes(name))
  return [
    ...(installed.length > 0 ? installed : ['no hook is installed']),
    '',
    `dns01 hook enable NAME: ${[...left, 'reload-SERVICE', 'restart-SERVICE'].join(', ')}`,
    'SERVICE is nginx, apache, haproxy, postfix, dovecot, postgresql, or any other service or systemd unit.',
  ]
}

/**
 * Installs one that comes with dns01, or renews it. Nobody else's is replaced, but an empty file, which switched it off, is.
 * Returns its path.
 * @throws Dns01Error USAGE for a name that we do not have; CONFIG when another's is in its place; STATE
 */
export async function enableHook(world: Looking & Pick<World, 'random'>, name: string): Promise<HookFile> {
  refuseUnknown(name)
  const folder = folderFor(world.files, hookFolders(world.env))
  const there = listHooks(world).find(hook => hook.name === name)
  if (there?.origin === 'own')
    throw new Dns01Error('CONFIG', `${there.path} is not ours, and stays as it is`, {
      hint: `to have ours instead: mv ${there.path} SOMEWHERE-ELSE`,
    })
  const path = there?.path ?? join(folder, name)
  await asRoot(writeOutside(world, path, shippedText(world.files, name), 0o755))
  return hookFile(world, path, name)
}

/**
 * Takes one of ours away. One that quickstart would bring back leaves an empty file, which says that it is not wanted.
 * Returns its path; undefined when it is not there.
 * @throws Dns01Error USAGE for a name that we do not have; CONFIG for one that is not as it came; STATE
 */
export async function disableHook(world: Looking & Pick<World, 'random'>, name: string): Promise<string | undefined> {
  const there = listHooks(world).find(hook => hook.name === name)
  if (!there) refuseUnknown(name)
  if (!there || there.origin === 'off') return undefined
  if (there.origin !== 'shipped') {
    const whose = there.origin === 'own' ? 'is not ours' : 'is older or has been changed'
    const hint = [`if nobody needs it: rm ${there.path}`]
    if (there.origin !== 'own') hint.push(`or, to have it as it comes with dns01: dns01 hook enable ${name}`)
    throw new Dns01Error('CONFIG', `${there.path} ${whose}, and stays as it is`, { hint })
  }
  if (name === RELOAD || name === HAPROXY) await asRoot(writeOutside(world, there.path, '', 0o644))
  else await asRoot(remove(world, there.path))
  return there.path
}

async function remove({ files }: Looking, path: string): Promise<void> {
  try {
    await files.remove(path)
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot remove ${path}: ${messageOf(cause)}`, { cause })
  }
}

/** Hooks are mostly root's, so who may not write them is mostly not root. */
async function asRoot(changing: Promise<unknown>): Promise<void> {
  try {
    await changing
  } catch (error) {
    if (!isForbidden(error)) throw error
    throw withDetails(error as Dns01Error, { hint: 'do it as root, or name a folder of yours with --hooks' })
  }
}

function refuseUnknown(name: string): void {
  if (isShipped(name)) return
  const choices = [...SHIPPED, 'reload-SERVICE', 'restart-SERVICE']
  const near = didYouMean(name, SHIPPED, '')
  const isService = !near.startsWith('did you mean') && /^[\w@.-]+$/.test(name)
  throw new Dns01Error('USAGE', `no hook "${name}" comes with dns01`, {
    hint: isService
      ? `for the service of that name: dns01 hook enable reload-${name}; there are ${choices.join(', ')}`
      : near || `there are ${choices.join(', ')}`,
  })
}

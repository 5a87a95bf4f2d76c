// Who can decide what a program of ours is: paths that only root and we can change, and settings that start programs.
import { dirname, join } from 'node:path'
import { Dns01Error } from './errors.js'
import type { FileInfo, World } from './world.js'

/** Why somebody else can change what a path leads to. */
export interface Weakness {
  /** What they can change: the path itself, or a folder or link on the way. */
  readonly path: string
  /** `belongs to user 1000`, `may be changed by everybody`. */
  readonly why: string
  /** The command that mends it. */
  readonly hint: string
}

type Looking = Pick<World, 'files' | 'self'>

/** As many links as Linux follows (path_resolution(7)) before it says ELOOP. */
const mostLinks = 40

/**
 * The first thing on the way to a path, links followed, that somebody else than root and we can change; undefined when
 * nothing is, or nothing is there. In a folder with the sticky bit, as /tmp, nobody replaces what is ours.
 * Costs a look a component.
 */
export function weakness({ files, self }: Looking, path: string): Weakness | undefined {
  const parts = partsOf(path)
  let at = '/'
  let anybodysFolder = false
  for (let links = 0; ; ) {
    const info = files.info(at)
    if (info === undefined) return undefined
    if (info.kind === 'link' && links++ < mostLinks) {
      if (anybodysFolder && isStranger(info, self)) return weak(at, info, self)
      const target = files.readLink(at)
      parts.unshift(...partsOf(target))
      at = target.startsWith('/') ? '/' : dirname(at)
      anybodysFolder = false // what is there was looked at on the way to the link
    } else {
      const sticky = info.kind === 'folder' && (info.mode & 0o1000) !== 0 && parts.length > 0
      const fault = weak(at, info, self)
      if (fault && (isStranger(info, self) || !sticky)) return fault
      anybodysFolder = fault !== undefined
    }
    const part = parts.shift()
    if (part === undefined) return undefined
    at = part === '..' ? dirname(at) : join(at, part)
  }
}

const partsOf = (path: string): string[] => path.split('/').filter(part => part !== '' && part !== '.')

const isStranger = ({ uid }: FileInfo, self: World['self']): boolean => uid !== 0 && uid !== self.uid

/**
 * A group may write if it is root's, or our own when we are not root: there the mask is often 002, since everybody has a
 * group of one's own.
 */
function weak(path: string, info: FileInfo, self: World['self']): Weakness | undefined {
  const trustedGroups = self.uid === 0 ? [0] : [0, self.gid]
  if (isStranger(info, self))
    return { path, why: `belongs to user ${info.uid}`, hint: `chown ${self.uid === 0 ? 'root' : self.uid} ${path}` }
  if (info.kind === 'link') return undefined
  if ((info.mode & 0o002) !== 0) return { path, why: 'may be changed by everybody', hint: `chmod o-w ${path}` }
  if ((info.mode & 0o020) !== 0 && !trustedGroups.includes(info.gid))
    return { path, why: `may be changed by group ${info.gid}`, hint: `chmod g-w ${path}` }
  return undefined
}

/** Settings of providers that name a program, code, or a folder of programs. */
const programSettings = ['command', 'cleanup-command', 'module', 'options', 'folder', 'folders']

/** What a target, or a zone of conf/dns.yml, asks of the programs that place its records. */
interface Asked {
  readonly env?: Readonly<Record<string, string>>
  readonly dns: { readonly settings: Readonly<Record<string, string>> }
}

/**
 * Whether it says which program runs: by a provider's settings, or by a variable, which may be LD_PRELOAD or PATH. What is
 * inherited does not count.
 */
export function startsPrograms({ env = {}, dns }: Asked, inherited: Asked = { dns: { settings: {} } }): boolean {
  const own = (key: string) => dns.settings[key] !== undefined && dns.settings[key] !== inherited.dns.settings[key]
  return programSettings.some(own) || Object.keys(env).some(name => env[name] !== inherited.env?.[name])
}

/**
 * For a file that starts programs, or says where we write: who may change it, or a folder above, could do that as us.
 * @throws Dns01Error CONFIG when that is somebody else than root and we
 */
export function mustBeOurs(
  world: Looking,
  path: string,
  says:
    | 'which program runs, or with which variables'
    | 'which files are written' = 'which program runs, or with which variables',
): void {
  const weak = weakness(world, path)
  if (!weak) return
  const whose = weak.path === path ? 'it' : weak.path
  throw new Dns01Error('CONFIG', `${path} says ${says}, but ${whose} ${weak.why}`, {
    hint: `${weak.hint}, or run dns01 as the user that it belongs to`,
  })
}

/** The names that are wanted, as commands change and look them up: files of desired/. */

import { accountLabel } from '../acme/challenge.js'
import { editNames, newCsrTargetText } from '../config/target-edit.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, hintsOf, withDetails } from '../core/errors.js'
import { accountChallengeName, challengeName, type Name, parseNames, persistName } from '../core/names.js'
import { isStaging } from '../core/staging.js'
import type { ChallengeMethod, Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { readGivenCsr } from '../state/csr-file.js'
import { csrPath, targetPath } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { csrPem } from '../x509/read-csr.js'
import { type Asked, refuseOther, refuseStagingOverReal, targetText, withoutStaging } from './asked.js'

/**
 * Writes a target file for these names, unless one target has them all already (docs/state-directory.md, "Target files").
 * Returns the files of the targets that have them all.
 * @throws Dns01Error USAGE for a name that no public CA issues for, or that is too long to be proved, and for targets that
 *   have the names and say otherwise; STATE
 */
export async function addWanted(
  world: Pick<World, 'random' | 'log' | 'clock'>,
  state: StateDir,
  names: readonly Name[],
  asked: Asked = {},
): Promise<string[]> {
  const { there, text, file } = wantedTarget(world, state, names, asked)
  if (there.length === 0) await state.writeTarget(file, text)
  else if (asked.ca === undefined) for (const target of there) await leaveStaging(world, state, target)
  return there.length > 0 ? there.map(target => target.file) : [file]
}

/** What addWanted() would write, or the targets that it would leave as they are. Changes nothing. @throws as addWanted() */
export function wantedTarget(
  world: Pick<World, 'random' | 'clock'>,
  state: StateDir,
  names: readonly Name[],
  asked: Asked,
): { readonly there: readonly Target[]; readonly file: string; readonly text: string } {
  const { dns, label } = state.defaults()
  for (const name of names) refuseUnissuable(name, dns.method)
  const distinct = [...new Set(names)]
  const there = state.targets().targets.filter(target => distinct.every(name => target.names.includes(name)))
  for (const target of there) refuseOther(target, asked)
  if (asked.ca !== undefined && isStaging(asked.ca)) refuseStagingOverReal(state, distinct, label, world.clock.now())
  return { there, file: newFileFor(world, distinct), text: targetText(distinct, asked) }
}

/** Wanted by `want --staging` before, and now without: the real thing. */
async function leaveStaging(world: Pick<World, 'log'>, state: StateDir, { file, ca }: Target): Promise<void> {
  const { ca: real } = state.defaults()
  if (!isStaging(ca) || isStaging(real)) return
  const text = withoutStaging(state.targetText(file), { ca })
  if (text === undefined)
    throw new Dns01Error('USAGE', `desired/${file} asks for these names at the staging CA ${ca}`, {
      hint: 'remove request.provider there, then again',
    })
  await state.writeTarget(file, text)
  world.log.notice(`desired/${file}: asked for at ${real} now, and no longer at its staging system`)
}

/**
 * An underscore is legal in the DNS, and an inner CA may take it: a target file written by hand still asks. But public
 * CAs must not (Baseline Requirements 7.1.2.7.12), and who types one at `want` has mostly mistaken it for a hyphen.
 */
function refuseUnissuable(name: Name, method: ChallengeMethod = 'dns-01'): void {
  refuseTooLong(name, method)
  if (!name.includes('_')) return
  throw new Dns01Error('USAGE', `${name} has an underscore: public CAs issue no certificate for such a name`, {
    hint: `is it ${name.replaceAll('_', '-')}? For an inner CA that takes it, write a target file into desired/`,
  })
}

/** The record that proves it has a longer name; how much longer the label of an account makes it, any label tells. */
function refuseTooLong(name: Name, method: ChallengeMethod): void {
  if (method === 'dns-account-01') accountChallengeName(name, accountLabel(''))
  else if (method === 'dns-persist-01') persistName(name)
  else challengeName(name)
}

export const newFileFor = (world: Pick<World, 'random'>, names: readonly Name[]): string =>
  `${names[0]?.slice(0, 200)}-${randomSuffix(world)}` // file names hold 255 bytes

/** 26 characters of base32, as acmetool makes of a random UUID. */
function randomSuffix(world: Pick<World, 'random'>): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  return [...world.random(26)].map(byte => letters[byte % 32]).join('')
}

/**
 * Writes a target for the names of a request that somebody else has made, and keeps a copy of it: the file may come from
 * anywhere, and be gone tomorrow. A target with just these names and a request already gets the new one. Returns its file.
 * @throws Dns01Error CONFIG for what is no good request; USAGE when `names` are given and others, or wanted already with a
 *   key of ours
 */
export async function addWantedCsr(
  world: Pick<World, 'random' | 'files'>,
  state: StateDir,
  path: string,
  names: readonly Name[],
): Promise<{ readonly file: string; readonly names: readonly Name[] }> {
  const csr = given(world, path)
  for (const name of csr.names) refuseUnissuable(name)
  const isSame = (all: readonly Name[]): boolean =>
    all.length === csr.names.length && all.every(name => csr.names.includes(name))
  if (names.length > 0 && !isSame(names))
    throw new Dns01Error('USAGE', `${path} is a request for ${csr.names.join(' ')}, not for ${names.join(' ')}`, {
      hint: 'the names of a request need not be given',
    })
  const [there] = state.targets().targets.filter(target => isSame(target.names))
  if (there && there.csr?.path !== csrPath(there.file)) throw wantedOtherwise(there)
  const file = there?.file ?? newFileFor(world, csr.names)
  const copy = await state.writeCsr(file, csrPem(csr))
  if (!there) await state.writeTarget(file, newCsrTargetText(csr.names, copy))
  return { file, names: csr.names }
}

const wantedOtherwise = ({ file, names, csr }: Target): Dns01Error =>
  csr
    ? new Dns01Error('USAGE', `desired/${file} has a request for these names already, ${csr.path}`, {
        hint: 'put the new one there',
      })
    : new Dns01Error('USAGE', `desired/${file} wants these names already, with a key of ours`, {
        hint: `dns01 unwant ${names.join(' ')}, then again`,
      })

function given(world: Pick<World, 'files'>, path: string): ReturnType<typeof readGivenCsr> {
  try {
    return readGivenCsr(world, path)
  } catch (error) {
    if (!(error instanceof Dns01Error)) throw error
    throw new Dns01Error(error.code, `${path}: ${error.message}`, { hint: error.hint, cause: error })
  }
}

/** Takes the names out of every target; a target left without names goes. Comments and all else stay. Returns the changed files. */
export async function removeWanted(state: StateDir, names: readonly Name[]): Promise<string[]> {
  const touched = state.targets().targets.filter(target => target.names.some(name => names.includes(name)))
  for (const target of touched) refuseHalfRequest(target, names)
  for (const { file, csr } of touched) {
    if (csr) {
      await state.removeTarget(file)
      await state.removeCsr(file)
      continue
    }
    const text = editNames(state.targetText(file), { file, remove: names })
    if (text === undefined) await state.removeTarget(file)
    else await state.writeTarget(file, text)
  }
  return touched.map(target => target.file)
}

/** A request is for all its names or none. @throws Dns01Error USAGE */
function refuseHalfRequest({ file, names, csr }: Target, unwanted: readonly Name[]): void {
  if (!csr || names.every(name => unwanted.includes(name))) return
  throw new Dns01Error('USAGE', `the request of desired/${file} is for ${names.join(' ')} together`, {
    hint: 'give all of them, or another request: dns01 want --csr FILE',
  })
}

/**
 * The files of desired/ whose targets ask for one of these names.
 * @throws Dns01Error USAGE with a suggestion, for a name that nobody wants
 */
export function wantedFiles(state: StateDir, names: readonly Name[]): string[] {
  const [unknown] = notWanted(state, names)
  if (unknown !== undefined) throw unknown
  const isMeant = ({ requestNames }: Target): boolean => requestNames.some(name => names.includes(name))
  return state.targets().targets.flatMap(target => (isMeant(target) ? [target.file] : []))
}

/**
 * An error, with a suggestion, for each of these names that no target asks for. Where a file that cannot be read seems to
 * ask for it, it is that file's own mistake.
 */
export function notWanted(state: StateDir, names: readonly Name[]): Dns01Error[] {
  const known = [...new Set(state.targets().targets.flatMap(({ requestNames }) => requestNames))]
  const strange = names.filter(name => !known.includes(name))
  return strange.map(name => {
    const unread = unreadFor(state, name)
    if (unread) return unread
    const otherwise = 'dns01 status lists what is wanted'
    const hint = known.length > 0 ? didYouMean(name, known, otherwise) : otherwise
    return new Dns01Error('USAGE', `no target asks for ${name}`, { hint })
  })
}

/** Why a name may be missing among the targets: without conf/target none is known, else the first broken file that speaks of it. */
function unreadFor(state: StateDir, name: Name): Dns01Error | undefined {
  const { problems } = state.targets()
  for (const problem of problems) {
    const file = problem.message.match(/^desired\/([^:]+)/)?.[1]
    if (file === undefined) return problem
    if (!speaksOf(state, file, name)) continue
    const hint = [...(hintsOf(problem.hint) ?? []), `it seems to ask for ${name}: mend it, or remove desired/${file}`]
    return withDetails(problem, { hint })
  }
  return undefined
}

/** By its name, as `want` chooses it, or its text, whatever else that is. */
function speaksOf(state: StateDir, file: string, name: Name): boolean {
  if (file === name || file.startsWith(`${name}-`)) return true
  try {
    const words = state
      .targetText(file)
      .toLowerCase()
      .split(/[^a-z0-9._*-]+/)
    return words.includes(name)
  } catch {
    return false // a folder, or not for us to read: its problem says so
  }
}

/** What --force names. @throws Dns01Error USAGE when it names nothing, or what nobody wants */
export function forcedNames(state: StateDir, words: readonly string[]): Name[] {
  if (words.length === 0)
    throw new Dns01Error('USAGE', '--force needs the names to renew', {
      hint: 'dns01 reconcile --force www.example.com',
    })
  const names = parseNames(words)
  wantedFiles(state, names)
  return names
}

/**
 * The files of desired/ that these words mean: a file name, a path to it, or a name that it asks for.
 * @throws Dns01Error USAGE with a suggestion: acmetool takes a mistyped word for a target and does nothing
 */
export function targetFiles(state: StateDir, words: readonly string[]): string[] {
  const { targets, problems } = state.targets()
  return words.flatMap(word => {
    const base = word.split('/').at(-1) ?? word
    const files = targets.filter(t => t.file === base || (t.names as readonly string[]).includes(word)).map(t => t.file)
    if (files.length > 0) return files
    // a file that is there and cannot be read is no target, and its own mistake is what is to be told
    const unread = problems.find(({ message }) => message.startsWith(`${targetPath(base)}:`))
    if (unread) throw unread
    const known = targets.flatMap(t => [t.file, ...t.names])
    throw new Dns01Error('USAGE', `there is no target "${word}"`, { hint: didYouMean(word, known) })
  })
}

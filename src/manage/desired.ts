/** The names that are wanted, as commands change and look them up: files of desired/. */

import { accountLabel } from '../acme/challenge.js'
import { editNames, newTargetText } from '../config/target-edit.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { accountChallengeName, challengeName, type Name, parseNames, persistName } from '../core/names.js'
import type { ChallengeMethod, Target } from '../core/target.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'

/**
 * Writes a target file for these names, unless one target has them all already (docs/state-directory.md, "Target files").
 * Returns the files of the targets that have them all.
 * @throws Dns01Error USAGE for a name that no public CA issues for, or that is too long to be proved; STATE
 */
export async function addWanted(
  world: Pick<World, 'random'>,
  state: StateDir,
  names: readonly Name[],
): Promise<string[]> {
  const { method } = state.defaults().dns
  for (const name of names) refuseUnissuable(name, method)
  const distinct = [...new Set(names)]
  const there = state.targets().targets.filter(target => distinct.every(name => target.names.includes(name)))
  if (there.length > 0) return there.map(({ file }) => file)
  const file = `${distinct[0]?.slice(0, 200)}-${randomSuffix(world)}` // file names hold 255 bytes
  await state.writeTarget(file, newTargetText(distinct))
  return [file]
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

/** 26 characters of base32, as acmetool makes of a random UUID. */
function randomSuffix(world: Pick<World, 'random'>): string {
  const letters = 'abcdefghijklmnopqrstuvwxyz234567'
  return [...world.random(26)].map(byte => letters[byte % 32]).join('')
}

/** Takes the names out of every target; a target left without names goes. Comments and all else stay. Returns the changed files. */
export async function removeWanted(state: StateDir, names: readonly Name[]): Promise<string[]> {
  const touched = state.targets().targets.filter(target => target.names.some(name => names.includes(name)))
  for (const { file } of touched) {
    const text = editNames(state.targetText(file), { file, remove: names })
    if (text === undefined) await state.removeTarget(file)
    else await state.writeTarget(file, text)
  }
  return touched.map(target => target.file)
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

/** An error, with a suggestion, for each of these names that no target asks for. */
export function notWanted(state: StateDir, names: readonly Name[]): Dns01Error[] {
  const known = [...new Set(state.targets().targets.flatMap(({ requestNames }) => requestNames))]
  const strange = names.filter(name => !known.includes(name))
  return strange.map(name => {
    const otherwise = 'dns01 status lists what is wanted'
    const hint = known.length > 0 ? didYouMean(name, known, otherwise) : otherwise
    return new Dns01Error('USAGE', `no target asks for ${name}`, { hint })
  })
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
  const { targets } = state.targets()
  return words.flatMap(word => {
    const base = word.split('/').at(-1) ?? word
    const files = targets.filter(t => t.file === base || (t.names as readonly string[]).includes(word)).map(t => t.file)
    if (files.length > 0) return files
    const known = targets.flatMap(t => [t.file, ...t.names])
    throw new Dns01Error('USAGE', `there is no target "${word}"`, { hint: didYouMean(word, known) })
  })
}

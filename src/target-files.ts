import { Dns01Error } from './errors.js'
import type { Name } from './names.js'
import { challengeName } from './names.js'
import type { StateDir } from './state/state-dir.js'
import { didYouMean } from './suggest.js'
import { editNames, newTargetText } from './target-edit.js'
import type { World } from './world.js'

/**
 * Writes a target file for these names, unless one target has them all already (acmetool-compat §14).
 * @throws Dns01Error USAGE when a name is too long to be proved; STATE
 */
export async function addWanted(world: Pick<World, 'random'>, state: StateDir, names: readonly Name[]): Promise<void> {
  for (const name of names) challengeName(name)
  const distinct = [...new Set(names)]
  if (state.targets().targets.some(target => distinct.every(name => target.names.includes(name)))) return
  const file = `${distinct[0]?.slice(0, 200)}-${randomSuffix(world)}` // file names hold 255 bytes
  await state.writeTarget(file, newTargetText(distinct))
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

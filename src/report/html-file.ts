/** Writes a report to where somebody wants it, whole or not at all, and never over anything but an older report. */

import { dirname, resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import { writeOutside } from '../quickstart/outside.js'
import { BEGINNING } from './html-page.js'

/**
 * As most programs make a file under the usual umask: it holds names, dates and what went wrong, and no secret. Whoever
 * wants it otherwise changes the mode once, which a later report keeps, or writes to standard output.
 */
const usualMode = 0o644

/** @returns where it is @throws Dns01Error USAGE for what is not ours to overwrite; STATE when it cannot be written */
export async function writeReport(world: Pick<World, 'files' | 'random'>, file: string, text: string): Promise<string> {
  const path = resolve(file)
  const { files } = world
  const there = look(files, path)
  if (there && there.kind !== 'file')
    throw new Dns01Error('USAGE', `${path} is a ${there.kind === 'other' ? 'device or a pipe' : there.kind}`, {
      hint: 'give the path of a file; - writes to standard output',
    })
  if (there && !isReport(files, path))
    throw new Dns01Error('USAGE', `${path} is there, and is no report of dns01: it is left as it is`, {
      hint: 'choose another name, or remove it',
    })
  if (!there && look(files, dirname(path)) === undefined)
    throw new Dns01Error('USAGE', `there is no folder ${dirname(path)}`, { hint: 'make it, or choose another' })
  await writeOutside(world, path, text, there?.mode ?? usualMode)
  return path
}

function look(files: World['files'], path: string): ReturnType<World['files']['info']> {
  try {
    return files.info(path)
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot look at ${path}: ${messageOf(cause)}`, { cause })
  }
}

function isReport(files: World['files'], path: string): boolean {
  try {
    return Buffer.from(files.readPlain(path)).subarray(0, BEGINNING.length).toString() === BEGINNING
  } catch (cause) {
    throw new Dns01Error('STATE', `cannot read ${path}: ${messageOf(cause)}`, { cause })
  }
}

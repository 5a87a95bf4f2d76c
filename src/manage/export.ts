/** What `dns01 export` writes: a certificate that is here, with its key, in the form that a program asks for, where somebody says. */

import { join, resolve } from 'node:path'
import { variable } from '../config/secret-file.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type ExportFormat, exportFormats, needsPassphrase } from '../core/target.js'
import { writeWhole } from '../core/whole-file.js'
import type { World } from '../core/world.js'
import { keyPathOf, materialOf, passphraseIn } from '../renew/exports.js'
import { isPlaceholder } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { formatted } from '../x509/formats.js'

/** @throws Dns01Error USAGE with all that there are */
export function exportFormat(text: string | undefined): ExportFormat {
  const format = exportFormats.find(one => one === text)
  if (format) return format
  if (text === undefined)
    throw new Dns01Error('USAGE', `export lacks --format: there are ${exportFormats.join(', ')}`, {
      hint: 'dns01 export NAME --format p12',
    })
  throw new Dns01Error('USAGE', `--format ${text}: there are ${exportFormats.join(', ')}`, {
    hint: didYouMean(text, exportFormats),
  })
}

/** A link of live/, or the id of a certificate. @throws Dns01Error USAGE */
export function findCertificate(state: StateDir, what: string): { readonly id: string; readonly name: string } {
  const links = state.links()
  const live = links.get(what) ?? links.get(what.toLowerCase().replace(/\.$/, ''))
  if (live !== undefined) return { id: live, name: what.toLowerCase().replace(/\.$/, '') }
  const stored = state.certificates().find(({ id, complete }) => id === what && complete)
  if (stored) return { id: stored.id, name: stored.facts?.names[0] ?? stored.id }
  const known = [...links.keys()]
  throw new Dns01Error('USAGE', `nothing is live for ${what}, and no certificate has this id`, {
    hint: didYouMean(what, known, 'dns01 status lists what is there'),
  })
}

export interface Passphrases {
  readonly format: ExportFormat
  /** --passphrase-file. */
  readonly file: string | undefined
}

/**
 * From the file, from DNS01_EXPORT_PASSPHRASE or DNS01_EXPORT_PASSPHRASE_FILE; asked for where a format needs one and somebody
 * can be asked. Never from the command line, which everybody on the machine can read.
 */
export async function passphraseFor(
  world: Pick<World, 'env' | 'files' | 'prompt' | 'log'>,
  { format, file }: Passphrases,
): Promise<string | undefined> {
  const given =
    file === undefined ? variable(world, 'DNS01_EXPORT_PASSPHRASE') : passphraseIn(world.files, resolve(file))
  if (given !== undefined) world.log.mask(given)
  if (given !== undefined || format === 'bundle') return given
  if (!needsPassphrase(format) || !world.prompt) return undefined
  const first = await world.prompt.secret(`Passphrase of the ${format} file:`)
  if (first !== (await world.prompt.secret('The same again:')))
    throw new Dns01Error('USAGE', 'the two passphrases are not the same; nothing was written')
  return first
}

export interface ExportWish {
  readonly id: string
  readonly name: string
  readonly format: ExportFormat
  readonly passphrase: string | undefined
  readonly legacy: boolean
  /** A file, or a folder that is there; absent: the folder that we are in. */
  readonly to: string | undefined
}

/** Nobody else can read what was written. @returns the paths @throws Dns01Error */
export async function exportTo(
  world: Pick<World, 'files' | 'random' | 'log'>,
  state: StateDir,
  { id, name, format, passphrase, legacy, to = '.' }: ExportWish,
): Promise<string[]> {
  const material = materialOf(world, state.root, id, name)
  const files = formatted(material, { format, passphrase, legacy }, world.random)
  const path = placeOf(world, to, `${name.replace('*', '_').replace(':', '_')}.${format}`)
  const paths = files.map(({ part }) => (part === 'key' ? keyPathOf(path) : path))
  const rights = paths.map(at => rightsOf(world, at))
  for (const [i, { bytes }] of files.entries())
    await writeWhole(world, paths[i] as string, bytes, rights[i] ?? { mode: 0o600 })
  if (isPlaceholder(state.certificates().find(one => one.id === id)?.url ?? ''))
    world.log.notice(`${name}: this is a placeholder, which no CA has signed`)
  return paths
}

/** A wildcard's file is `_.example.com.p12`, as lego calls it: a star would be expanded by a shell. */
function placeOf({ files }: Pick<World, 'files'>, to: string, fileName: string): string {
  const at = resolve(to)
  try {
    const isFolder = files.info(join(at, '.'))?.kind === 'folder'
    return isFolder ? join(at, fileName) : at
  } catch (cause) {
    throw new Dns01Error('USAGE', `cannot write to ${to}: ${messageOf(cause)}`, { cause })
  }
}

/** Of a file that is there its owner and mode stay, but nobody else may read it: it holds a private key. */
function rightsOf({ files, log }: Pick<World, 'files' | 'log'>, path: string) {
  const there = files.info(path)
  if (there === undefined || there.kind === 'link') return { mode: 0o600 }
  if (there.kind !== 'file')
    throw new Dns01Error(
      'USAGE',
      `${path} is ${there.kind === 'folder' ? 'a folder' : 'a device or socket'}, not a file`,
      { hint: 'choose another place with --out' },
    )
  const mode = there.mode & 0o770
  if (mode !== there.mode)
    log.notice(`${path}: others could read it; its mode is ${mode.toString(8).padStart(4, '0')} now`)
  return { mode: mode | 0o600, uid: there.uid, gid: there.gid }
}

// Reads desired/ and conf/: which certificates are wanted, and what conf/target hands down to all of them. What a target
// may start (a provider that is a program) is looked at here, since only here the file's owner is known.
import { join } from 'node:path'
import { parseDefaults, parseTarget } from '../config/target-file.js'
import { Dns01Error } from '../core/errors.js'
import type { Csr, Target, TargetDefaults } from '../core/target.js'
import { mustBeOurs, startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { readCsrFile } from './csr-file.js'
import type { Disk } from './disk.js'
import { confPath, isHidden, targetPath } from './layout.js'

/** What reading needs: `warnOnce` says the same thing to a person once in a run, however often files are read. */
export interface TargetReading {
  readonly disk: Disk
  readonly world: Pick<World, 'files' | 'self'>
  readonly warnOnce: (warnings: readonly string[]) => void
}

/** A mistake in one file is that target's; any other error is not for us to swallow. */
const CODES_OF_ONE_FILE = ['CONFIG', 'STATE']

/** See StateDir.targets(). */
export function readTargets(reading: TargetReading): { targets: Target[]; problems: Dns01Error[] } {
  const targets: Target[] = []
  const problems: Dns01Error[] = []
  const attempt = <T>(read: () => T): T | undefined => {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof Dns01Error) || !CODES_OF_ONE_FILE.includes(error.code)) throw error
      problems.push(error)
      return undefined
    }
  }
  // first, and without it no targets: by a guess at the CA all of them would be asked for at another one
  const defaults = attempt(() => readDefaults(reading))
  if (defaults)
    for (const { name, kind } of reading.disk.list('desired'))
      if (!isHidden(name)) {
        const target = attempt(() => readTarget(reading, name, kind, defaults))
        if (target) targets.push(target)
      }
  return { targets, problems }
}

/**
 * A target whose provider is a program, or that has files written, is believed only if it is ours: who may write it could
 * do anything.
 */
function readTarget({ disk, world, warnOnce }: TargetReading, file: string, kind: string, defaults: TargetDefaults) {
  if (kind !== 'file')
    throw new Dns01Error('CONFIG', `desired/${file} is a ${kind}, not a file`, { hint: 'targets are plain files' })
  const readCsr = (path: string): Csr => readCsrFile(world, disk.root, path)
  const { target, warnings } = parseTarget({ file, text: disk.read(targetPath(file)), defaults, readCsr })
  const place = join(disk.root, targetPath(file))
  if (startsPrograms(target, defaults)) mustBeOurs(world, place)
  if (target.exports) mustBeOurs(world, place, 'which files are written')
  warnOnce(warnings)
  return target
}

/** See StateDir.defaults(). The two small files are older than conf/target, and acmetool still reads them. */
export function readDefaults({ disk, world, warnOnce }: TargetReading): TargetDefaults {
  const text = (name: string): string | undefined => disk.readIfThere(confPath(name))
  const { defaults, warnings } = parseDefaults(text('target') ?? '', {
    webrootPath: text('webroot-path'),
    rsaKeySize: text('rsa-key-size'),
  })
  if (startsPrograms(defaults)) mustBeOurs(world, join(disk.root, confPath('target')))
  warnOnce(warnings)
  return defaults
}

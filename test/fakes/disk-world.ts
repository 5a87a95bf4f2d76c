import type { Log, World } from '../../src/core/world.js'
import { openFiles } from '../../src/platform/files.js'
import { openRun } from '../../src/platform/process.js'
import { listeningLog } from '../contract/provider-contract.js'

export interface DiskWorld {
  readonly world: World
  /** `level: message`, in order. */
  readonly said: string[]
  readonly masked: string[]
}

/** A World with the real disk and real child processes, and nothing else: for what runs programs. */
export function diskWorld(env: World['env'] = { PATH: process.env.PATH }, more: Partial<World> = {}): DiskWorld {
  const said: string[] = []
  const masked: string[] = []
  const saying =
    (level: string) =>
    (...lines: readonly string[]) =>
      void said.push(`${level}: ${lines.join('\n  ')}`)
  const log: Log = {
    ...listeningLog(said),
    error: saying('error'),
    warn: saying('warn'),
    notice: saying('notice'),
    info: saying('info'),
    mask: secret => void masked.push(secret),
  }
  const self = {
    pid: process.pid,
    host: 'here',
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    program: [],
    alive: () => true,
  }
  const world = { env, log, self, files: openFiles(), run: openRun(), ...more } as unknown as World
  return { world, said, masked }
}

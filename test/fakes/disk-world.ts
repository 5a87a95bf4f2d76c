import type { World } from '../../src/core/world.js'
import { openFiles } from '../../src/platform/files.js'
import { openRun } from '../../src/platform/process.js'
import { fakeLog } from './log.js'
import { fakeWorld } from './world.js'

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
  const self = {
    pid: process.pid,
    host: 'here',
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    program: [],
    alive: () => true,
  }
  const log = fakeLog(said, { masked })
  const world = fakeWorld({ env, log, self, files: openFiles(), run: openRun(), ...more })
  return { world, said, masked }
}

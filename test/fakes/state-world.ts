import type { World } from '../../src/core/world.js'
import { fakeLog } from './log.js'
import { MemoryFiles } from './memory-files.js'
import { fakeWorld } from './world.js'

export interface StateWorld {
  readonly world: World
  readonly files: MemoryFiles
  /** `level: message`, in order; warn and worse. */
  readonly said: string[]
  /** The time now; tests set it. */
  time: Date
  /** Processes that live, by id. */
  readonly processes: Set<number>
}

/** A World with a disk in memory, a clock that stands still but for sleep(), and the processes that a test names. */
export function stateWorld(files = new MemoryFiles(), pid = 1): StateWorld {
  const said: string[] = []
  let count = 0
  const made: StateWorld = {
    files,
    said,
    time: new Date('2026-01-01T00:00:00Z'),
    processes: new Set([pid]),
    world: fakeWorld({
      files,
      log: fakeLog(said, { from: 'notice' }),
      clock: {
        now: () => made.time,
        sleep: async seconds => {
          made.time = new Date(made.time.getTime() + seconds * 1000)
        },
        deadline: () => new AbortController().signal,
      },
      random: bytes => Uint8Array.from([pid, ++count >> 8, count, ...new Uint8Array(bytes)].slice(0, bytes)),
      self: { pid, alive: pid => made.processes.has(pid) },
    }),
  }
  files.options = { now: () => made.time, ...files.options }
  return made
}

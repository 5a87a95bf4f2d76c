import type { Log, World } from '../../src/core/world.js'
import { MemoryFiles } from './memory-files.js'

export interface StateWorld {
  readonly world: Pick<World, 'clock' | 'files' | 'log' | 'random' | 'self'>
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
  const saying =
    (level: string) =>
    (...lines: readonly string[]) =>
      void said.push(`${level}: ${lines.join('\n  ')}`)
  const quiet = (): void => {}
  const log: Log = {
    error: saying('error'),
    warn: saying('warn'),
    notice: saying('notice'),
    info: quiet,
    debug: quiet,
    trace: quiet,
    step: quiet,
    mask: quiet,
    masked: text => text,
  }
  let count = 0
  const made: StateWorld = {
    files,
    said,
    time: new Date('2026-01-01T00:00:00Z'),
    processes: new Set([pid]),
    world: {
      files,
      log,
      clock: {
        now: () => made.time,
        sleep: async seconds => {
          made.time = new Date(made.time.getTime() + seconds * 1000)
        },
        deadline: () => new AbortController().signal,
      },
      random: bytes => Uint8Array.from([pid, ++count >> 8, count, ...new Uint8Array(bytes)].slice(0, bytes)),
      self: {
        pid,
        pidNamespace: 'pid:[1]',
        host: 'here',
        uid: 0,
        gid: 0,
        program: ['dns01'],
        alive: pid => made.processes.has(pid),
      },
    },
  }
  files.options = { now: () => made.time, ...files.options }
  return made
}

import { LEVELS, type Level, type Log } from '../../src/core/world.js'
import { listeningLog } from '../contract/provider-contract.js'

interface Heard {
  /** What is less than this is not kept. */
  readonly from?: Level
  /** Gets the secrets that are to be masked. */
  readonly masked?: string[]
}

/** The log that providers' tests have, with levels: keeps `level: message` of each, but no progress. */
export function fakeLog(said: string[] = [], { from = 'trace', masked = [] }: Heard = {}): Log {
  const heard = LEVELS.slice(0, LEVELS.indexOf(from) + 1)
  const keeping = (level: Level): Log[Level] => {
    if (!heard.includes(level)) return () => {}
    return (...lines) => void said.push(`${level}: ${lines.join('\n  ')}`)
  }
  const levels = Object.fromEntries(LEVELS.map(level => [level, keeping(level)])) as Pick<Log, Level>
  return { ...listeningLog([]), ...levels, mask: secret => void masked.push(secret) }
}

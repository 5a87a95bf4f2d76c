import { builtProgramFuzzer, commandLineFuzzer } from './command-lines.js'
import { DECODERS, decoderFuzzer } from './decoders.js'
import type { Fuzzer, Result } from './fuzzer.js'
import { stateFuzzer } from './state-directories.js'

/**
 * All that `npm test` runs a little, and `npm run fuzz` as long as it is told. The input is made by fast-check without a look at
 * what it reaches. Guided by coverage lost: jazzer.js 4.0.0 wants glibc 2.38 (Debian 12 has 2.36) and 2.1.0 downloads its
 * addon; inputs kept for the new blocks that V8's precise coverage counts reached fewer in the same 8 s for each of the
 * thirteen decoders, since asking costs more than decoding (DNS answers: 31,340 inputs, 119 blocks beyond the seeds; guided
 * 725 and 20. Targets: 2,129 and 870; guided 500 and 54).
 */
export const FUZZERS: readonly Fuzzer[] = [
  ...DECODERS.map(decoderFuzzer),
  stateFuzzer,
  commandLineFuzzer,
  builtProgramFuzzer,
]

export interface LongRun {
  readonly seed: number
  readonly minutes: number
  /** Only fuzzers whose name holds this. */
  readonly only: string
}

/** Before each round, so that who watches can say where it hangs. */
export type Beginning = (name: string, seed: number) => void

/**
 * Runs all fuzzers in turns, each round with a seed of its own (the first one's, plus one each time), until the time is
 * up, and says what each found: each kind of failure once, by its first line. Resolves to how many there are.
 */
export async function fuzz(
  { seed, minutes, only }: LongRun,
  say: (text: string) => void,
  begin: Beginning,
): Promise<number> {
  const chosen = FUZZERS.filter(({ name, impossible }) => !impossible && name.includes(only))
  const until = performance.now() + minutes * 60_000
  const cases = new Map(chosen.map(({ name }) => [name, 0]))
  const found = new Set<string>()
  for (let round = 0; round === 0 || performance.now() < until; round++) {
    for (const fuzzer of chosen) {
      begin(fuzzer.name, seed + round)
      const result = await fuzzer.run({ seed: seed + round, cases: fuzzer.standing })
      cases.set(fuzzer.name, (cases.get(fuzzer.name) ?? 0) + result.cases)
      if (isNew(found, fuzzer, result))
        say(
          `\n${fuzzer.name} failed (again: npm run fuzz -- --only '${fuzzer.name}' --seed ${seed + round}):\n${result.found}\n`,
        )
      if (performance.now() > until && round > 0) break
    }
  }
  for (const [name, count] of cases) say(`${String(count).padStart(9)}  ${name}`)
  return found.size
}

/** By what was thrown and where; what is made up differs each time. */
function isNew(found: Set<string>, { name }: Fuzzer, { found: what }: Result): boolean {
  if (what === undefined) return false
  const [thrown = '', ...more] = what.split('\n').slice(1)
  const where = more.find(line => /^ +at .*\/(src|providers)\//.test(line)) ?? ''
  const kind = `${name} ${thrown.replace(/[a-z2-7]{52}|\d+/g, '#')} ${where}`
  const isFirst = !found.has(kind)
  found.add(kind)
  return isFirst
}

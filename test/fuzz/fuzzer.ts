import fc from 'fast-check'

/** Something that is tried with made-up input again and again. */
export interface Fuzzer {
  readonly name: string
  /** How many cases of it belong to `npm test`. */
  readonly standing: number
  /** Why it cannot run here. */
  readonly impossible?: string
  run(round: Round): Promise<Result>
}

export interface Round {
  readonly seed: number
  readonly cases: number
}

export interface Result {
  readonly cases: number
  /** What went wrong, with the smallest input that was found for it. */
  readonly found?: string
}

/** Runs a property of fast-check, which shrinks what it finds. `show` writes the input so that it can be tried again. */
export async function tried<T>(
  { seed, cases }: Round,
  input: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
  show: (input: T) => string,
): Promise<Result> {
  const property = fc.asyncProperty(input, async one => check(one))
  const details = await fc.check(property, { seed, numRuns: cases, endOnFailure: false })
  if (!details.failed) return { cases: details.numRuns }
  const [smallest] = details.counterexample ?? []
  const { errorInstance } = details
  const why = errorInstance instanceof Error ? (errorInstance.stack ?? errorInstance.message) : String(errorInstance)
  return { cases: details.numRuns, found: `${smallest === undefined ? '' : show(smallest)}\n${why}` }
}

/** What one run took. */
export interface Sample {
  /** Wall time. */
  readonly seconds: number
  readonly cpuSeconds?: number
  readonly peakMb?: number
  /** To the CA. */
  readonly requests?: number
  /** UPDATE messages. */
  readonly updates?: number
  /** Of Route 53's API, and how many of them change something. */
  readonly calls?: number
  readonly changes?: number
}

export type Figure = keyof Sample

/** Somebody who is measured. */
export interface Racer {
  readonly name: string
  run(): Promise<Sample>
  /** It did only this part of the work; its time, CPU time and counts are multiplied. */
  readonly scale?: number
}

export interface Result {
  readonly name: string
  /** Why it has no (more) samples. */
  readonly failure?: string | undefined
  readonly samples: readonly Sample[]
  readonly scale: number
}

export interface Pace {
  /** Each runs so often … */
  readonly rounds: number
  /** … but begins no further run once its runs have taken so long together. */
  readonly secondsEach: number
}

/** In turn, so that a slow moment of the machine meets everybody. One that fails is out; when the first does, so is the race. */
export async function race(racers: readonly Racer[], { rounds, secondsEach }: Pace): Promise<Result[]> {
  const results = racers.map(({ name, scale = 1 }) => ({ name, scale, samples: [] as Sample[], failure: '' }))
  for (let round = 0; round < rounds; round++)
    for (const [i, racer] of racers.entries()) {
      const result = results[i]
      if (!result || result.failure || (round > 0 && spent(result) >= secondsEach)) continue
      try {
        result.samples.push(await racer.run())
      } catch (error) {
        if (i === 0) throw error
        result.failure = (error as Error).message
      }
    }
  return results
}

const spent = ({ samples }: Result): number => samples.reduce((sum, { seconds }) => sum + seconds, 0)

/** The median; of an even number of samples the smaller of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN
}

/** The median of all runs; undefined when it was not measured. Memory does not grow with work that was left out. */
export function figure({ samples, scale }: Result, what: Figure): number | undefined {
  const values = samples.flatMap(sample => sample[what] ?? [])
  return values.length === 0 ? undefined : median(values) * (what === 'peakMb' ? 1 : scale)
}

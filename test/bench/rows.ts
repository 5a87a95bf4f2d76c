import type { Client } from './clients.js'
import type { Pace, Result } from './race.js'

/** How much is done. `tiny` proves that the benchmark works, nothing else. */
export type Size = 'full' | 'quick' | 'tiny'

export interface Setting {
  readonly size: Size
  /** Those that are installed, dns01 first. */
  readonly clients: readonly Client[]
  readonly pace: Pace
}

/** A goal of the product, and whether it was reached; `against` names the figure it is measured by. */
export interface Goal {
  readonly text: string
  readonly met: boolean
}

export interface Measurements {
  readonly results: readonly Result[]
  readonly goals: readonly Goal[]
  /** What a reader must know to judge the figures. */
  readonly notes: readonly string[]
}

export interface Row {
  /** For the command line. */
  readonly id: string
  readonly title: string
  /** Programs without which the row cannot be measured at all. */
  readonly needs: readonly string[]
  measure(setting: Setting): Promise<Measurements>
}

/**
 * How the table of `status` is fitted to a terminal: which columns there is room for, and how wide each is. Pure arithmetic on
 * widths; what is in the columns is in status-table.ts.
 */

import { textWidth } from '../core/text-width.js'

/** Columns between two columns. */
export const gap = 2

/** What of a line is shown. */
export interface Shape {
  /** Every name of a certificate, or the first and how many more. */
  readonly names: 'all' | 'first'
  /** The host of a CA, as much of it as tells CAs apart, or no column for it. */
  readonly ca: 'host' | 'short' | 'none'
  /** Whether profile and key type have columns where certificates differ in them. */
  readonly more: boolean
  /** What all lines have in common is told once, below the table, and has no column. */
  readonly once: boolean
  /** Cells of the bar; 0 is none. */
  readonly bar: number
  readonly renews: boolean
  /** A longer state is cut to this at the least. */
  readonly stateColumns: number
  /** A longer name likewise. */
  readonly nameColumns: number
}

/** From the widest down; the first that fits is taken. */
export const SHAPES: readonly Shape[] = [
  { names: 'all', ca: 'host', more: true, once: false, bar: 20, renews: true, stateColumns: 40, nameColumns: 70 },
  { names: 'first', ca: 'host', more: true, once: false, bar: 20, renews: true, stateColumns: 40, nameColumns: 50 },
  { names: 'first', ca: 'short', more: true, once: false, bar: 10, renews: true, stateColumns: 24, nameColumns: 40 },
  { names: 'first', ca: 'short', more: true, once: true, bar: 10, renews: true, stateColumns: 11, nameColumns: 36 },
  { names: 'first', ca: 'short', more: false, once: true, bar: 10, renews: true, stateColumns: 11, nameColumns: 24 },
  { names: 'first', ca: 'short', more: false, once: true, bar: 5, renews: true, stateColumns: 11, nameColumns: 24 },
  { names: 'first', ca: 'none', more: false, once: true, bar: 10, renews: true, stateColumns: 11, nameColumns: 24 },
  { names: 'first', ca: 'none', more: false, once: true, bar: 5, renews: true, stateColumns: 11, nameColumns: 20 },
  { names: 'first', ca: 'none', more: false, once: true, bar: 0, renews: true, stateColumns: 11, nameColumns: 18 },
  { names: 'first', ca: 'none', more: false, once: true, bar: 0, renews: false, stateColumns: 11, nameColumns: 12 },
]

/** As wide as letsencrypt.org; a longer host of a CA may be cut to it. */
export const caColumns = 15

/** A column of a table: its heading and its cells. `least`: it may be cut to this. */
export interface Column {
  readonly key: string
  readonly cells: readonly string[]
  readonly least?: number
}

/** The widest cell, the heading among them. */
export const natural = ({ cells }: Pick<Column, 'cells'>): number =>
  cells.reduce((most, cell) => Math.max(most, textWidth(cell)), 0)

/**
 * The width of each column, when they have so much room together; undefined when it is too little. What is left over goes to
 * those that were cut, from the left.
 */
export function widthsIn(columns: readonly Column[], room: number): number[] | undefined {
  const full = columns.map(natural)
  const least = full.map((width, i) => Math.min(width, columns[i]?.least ?? width))
  let left = room - least.reduce((sum, width) => sum + width, gap * (columns.length - 1))
  if (left < 0) return undefined
  return least.map((width, i) => {
    const more = Math.min(left, (full[i] ?? width) - width)
    left -= more
    return width + more
  })
}

/** Colours of a terminal: whether they are wanted, and how they are written. */

import { inspect } from 'node:util'
import { shown } from '../core/gate.js'
import { type Line, plain, type Span, type Style } from '../core/styled.js'

/** Of a stream what tells it; a terminal has `hasColors` (node:tty). */
export interface Coloured {
  readonly isTTY?: boolean
  hasColors?(count: number, env: object): boolean
}

/**
 * FORCE_COLOR (any value but 0 and false) wants them everywhere; NO_COLOR (no-color.org: set and not empty) nowhere; else they are
 * for terminals that can (TERM=dumb and its like cannot: node's list).
 */
export function hasColours(stream: Coloured, env: Readonly<Record<string, string | undefined>>): boolean {
  const { FORCE_COLOR: forced, NO_COLOR: refused, ...rest } = env
  if (forced !== undefined) return !['0', 'false'].includes(forced)
  if (refused) return false
  return stream.isTTY === true && (stream.hasColors?.(16, rest) ?? false)
}

/** The sixteen colours are what the user chose for his terminal: readable on light and on dark. */
const CODES: Readonly<Record<Style, readonly [number, number]>> = {
  good: codes('green'),
  warn: codes('yellow'),
  bad: codes('red'),
  faint: codes('dim'),
  strong: codes('bold'),
}

/** SGR on and off (ECMA-48 §8.3.117), as node has them. */
function codes(name: string): [number, number] {
  const [on = 0, off = 0] = inspect.colors[name] ?? []
  return [on, off]
}

/** A line as it is written: every part behind the gate, and only then its colour. */
export function painted(line: Line, colours: boolean, masked: (text: string) => string): string {
  if (typeof line === 'string') return shownCells(masked(line))
  const whole = plain(line)
  // a secret may begin in one part and end in the next: then no part has a colour
  if (!colours || masked(whole) !== whole) return shownCells(masked(whole))
  return line.map(paint).join('')
}

/** A tab is ours, between cells (account-thumbprint); it drives no terminal. */
const shownCells = (text: string): string => text.split('\t').map(shown).join('\t')

function paint(span: Span): string {
  if (typeof span === 'string') return shownCells(span)
  const [on, off] = CODES[span.style]
  return `\x1b[${on}m${shownCells(span.text)}\x1b[${off}m`
}

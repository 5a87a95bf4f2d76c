/** What is left of a certificate's life, as a bar: `━━━┿━━━───`. It gets shorter towards the left, and at the mark it is renewed. */

import { type Span, type Style, styled } from '../core/styled.js'
import type { TargetStatus } from '../renew/status.js'

/** Where a terminal shows no other characters than ASCII. */
const MARKS = {
  unicode: { left: '━', spent: '─', renews: '┿' },
  ascii: { left: '=', spent: '-', renews: '|' },
} as const

/** Of the time from the renewal to the end; later it is a matter of concern. Our own choice, as back-off.ts hurries then. */
const lateShare = 1 / 2

/** How good the days are that are left. */
export function styleOfLeft({ notAfter, renewAt }: Pick<TargetStatus, 'notAfter' | 'renewAt'>, now: Date): Style {
  if (!notAfter || !renewAt || now >= notAfter) return 'bad'
  if (now < renewAt) return 'good'
  return notAfter.getTime() - now.getTime() < (notAfter.getTime() - renewAt.getTime()) * lateShare ? 'bad' : 'warn'
}

/** So many cells; spaces where there is no certificate. */
export function daysBar(
  { notBefore, notAfter, renewAt }: Pick<TargetStatus, 'notBefore' | 'notAfter' | 'renewAt'>,
  now: Date,
  cells: number,
  isUnicode: boolean,
): Span[] {
  if (!notBefore || !notAfter || !renewAt || cells === 0) return [' '.repeat(cells)]
  const lifeMs = notAfter.getTime() - notBefore.getTime()
  const cellsOf = (until: Date): number =>
    Math.min(cells, Math.max(0, ((notAfter.getTime() - until.getTime()) / lifeMs) * cells))
  const [left, mark] = [Math.ceil(cellsOf(now)), Math.min(cells - 1, Math.floor(cellsOf(renewAt)))]
  const { left: full, spent, renews } = MARKS[isUnicode ? 'unicode' : 'ascii']
  const bar = [...Array(cells).keys()].map(i => (i === mark ? renews : i < left ? full : spent)).join('')
  const filled = Math.max(left, 0)
  return [styled(bar.slice(0, filled), styleOfLeft({ notAfter, renewAt }, now)), styled(bar.slice(filled), 'faint')]
}

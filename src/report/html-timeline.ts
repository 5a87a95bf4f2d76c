/**
 * The time line: for each certificate a bar from its first to its last day, with the part in which it is renewed, below one axis and
 * across the line of today. A bar is a picture of the dates that stand beside it in words, so that it needs none of its own.
 */

import type { TargetStatus } from '../renew/status.js'
import { type Html, html, type Part } from './html.js'

type Dates = Pick<TargetStatus, 'notBefore' | 'notAfter' | 'renewAt'>

/** From when to when the bars reach, and what is written below them. */
export interface Axis {
  readonly from: Date
  readonly to: Date
  readonly marks: readonly { readonly at: Date; readonly label: string }[]
}

const dayMs = 86_400_000

/** Our own choice: what lives for years would make a point of all others; its bar ends at the edge. */
const mostDays = { back: 60, ahead: 200 } as const

/** A bar of less is hard to see. */
const leastPercent = 0.5

/** Wide enough for all certificates, but for those that live much longer than usual. */
export function axisFor(targets: readonly Dates[], now: Date): Axis {
  const days = (of: keyof Dates): number[] => targets.flatMap(one => (one[of] ? [daysFrom(now, one[of])] : []))
  const back = Math.min(mostDays.back, Math.max(1, ...days('notBefore').map(day => -day)))
  const ahead = Math.min(mostDays.ahead, Math.max(1, ...days('notAfter')))
  const [from, to] = [later(now, -back * 1.02), later(now, ahead * 1.02)]
  return { from, to, marks: marksOf(from, to) }
}

const daysFrom = (now: Date, at: Date): number => (at.getTime() - now.getTime()) / dayMs
const later = (at: Date, days: number): Date => new Date(at.getTime() + days * dayMs)

/** Steps of the axis in days, and how long a label stands for: the first with at most so many marks. */
const steps = [1, 2, 7, 14, 28, 56] as const
const mostMarks = 8

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const

/** Days are counted from the beginning of 1970 in UTC, a Thursday; so weeks begin on Mondays. */
const mondayOffset = 4

function marksOf(from: Date, to: Date): Axis['marks'] {
  const [first, last] = [from.getTime() / dayMs, to.getTime() / dayMs]
  const step = steps.find(days => (last - first) / days <= mostMarks) ?? steps[steps.length - 1] ?? 1
  const marks: { at: Date; label: string }[] = []
  for (let day = Math.ceil((first - mondayOffset) / step) * step + mondayOffset; day < last; day += step) {
    const at = new Date(day * dayMs)
    marks.push({ at, label: `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}` })
  }
  return marks
}

/** Where an instant is, in percent of the width. */
export const percent = ({ from, to }: Axis, at: Date): number =>
  Math.round(Math.min(1, Math.max(0, (at.getTime() - from.getTime()) / (to.getTime() - from.getTime()))) * 1000) / 10

/** The bar of one certificate: what is good of it, and from when on it is renewed. Nothing where there is none. */
export function bar({ notBefore, notAfter, renewAt }: Dates, axis: Axis): Html {
  if (!notBefore || !notAfter) return html`<span class=b></span>`
  const [start, end] = [percent(axis, notBefore), percent(axis, notAfter)]
  const turn = Math.min(end, Math.max(start, renewAt ? percent(axis, renewAt) : end))
  return html`<span class=b><svg aria-hidden=true>${part('v', start, turn)}${part('w', turn, Math.max(end, turn + leastPercent))}</svg></span>`
}

const part = (kind: string, from: number, to: number): Part =>
  to <= from
    ? undefined
    : html`<rect class=${kind} x=${from}% width=${Math.round((to - from) * 10) / 10}% height=100% />`

/** Nothing of a label is to stand beyond the edge. */
const anchor = (x: number): Html => html`x=${x}% text-anchor=${x < 5 ? 'start' : x > 95 ? 'end' : 'middle'}`

/** The axis above the bars. The last label would not fit if it stood too far right. */
export function axisLine(axis: Axis, now: Date): Html {
  const labels = axis.marks
    .map(({ at, label }) => ({ x: percent(axis, at), label }))
    .filter(({ x }) => x < 94 && Math.abs(x - percent(axis, now)) > 7)
  return html`<svg class=ax aria-hidden=true><text class=now ${anchor(percent(axis, now))} y=14>today</text>${labels.map(
    ({ x, label }) => html`<text ${anchor(x)} y=14>${label}</text>`,
  )}</svg>`
}

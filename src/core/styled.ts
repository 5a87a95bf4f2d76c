// Lines of results in which parts have a meaning, such as good or bad. What that looks like, colours or nothing, is decided where
// they are written (platform/out.ts), after the gate: a text of a stranger brings no escape sequence with it.

/** What a part of a line means. `faint`: may be overlooked; `strong`: a heading. */
export type Style = 'good' | 'warn' | 'bad' | 'faint' | 'strong'

export interface Styled {
  readonly text: string
  readonly style: Style
}

export type Span = string | Styled

/** One line. */
export type Line = string | readonly Span[]

export const plainSpan = (span: Span): string => (typeof span === 'string' ? span : span.text)

/** The line as it is where there are no colours. */
export const plain = (line: Line): string => (typeof line === 'string' ? line : line.map(plainSpan).join(''))

export const styled = (text: string, style: Style | undefined): Span => (style === undefined ? text : { text, style })

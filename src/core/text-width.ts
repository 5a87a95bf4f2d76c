// How many columns of a terminal a text takes: characters of East Asia and emoji take two, combining ones none.
import truncatedWidth from 'fast-string-truncated-width'

/** Nearly all our texts; to count their characters is a hundred times as fast, and there may be thousands. */
const ASCII = /^[ -~]*$/

export const textWidth = (text: string): number => (ASCII.test(text) ? text.length : truncatedWidth(text).width)

/** The text, or as much of its beginning as fits, with an ellipsis. */
export function fitted(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text
  if (columns < 1) return ''
  const { index } = truncatedWidth(text, { limit: columns, ellipsis: '…', ellipsisWidth: 1 })
  return `${text.slice(0, index)}…`
}

/** With spaces behind it. */
export const padded = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - textWidth(text)))

/** Whether a terminal is said to show more than ASCII (locale(7)). */
export const isUtf8 = ({ LC_ALL, LC_CTYPE, LANG }: Readonly<Record<string, string | undefined>>): boolean =>
  /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '')

/** A line for sh, taken apart as far as one must to see which programs it starts (POSIX Shell Command Language §2.3). */

/** Sticky, so that each is tried at one place only. A word may be quoted in parts; a quote that is not closed ends the reading. */
const WORD = /(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s;&|()<>'"\\])+/y
const REDIRECTION = /\d*(?:>>|>&|>\||<&|<>|<<<|>|<)\s*/y
const OPERATOR = /&&|\|\||[;&|()\n]/y
const BLANK = /(?:[^\S\n]|\\\n)+/y

/** The simple commands of a line, each its words without quotes; redirections and comments are left out. */
export function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]]
  let redirected = false
  for (let at = 0; at < line.length; ) {
    const next = (pattern: RegExp): string => {
      pattern.lastIndex = at
      const found = pattern.exec(line)?.[0] ?? ''
      at += found.length
      return found
    }
    if (next(BLANK)) continue
    if (line[at] === '#') at = endOfLine(line, at)
    else if (next(OPERATOR)) commands.push([])
    else if (next(REDIRECTION)) {
      redirected = true
      continue
    } else {
      const word = next(WORD)
      if (word === '') break // a quote that is not closed
      if (!redirected) commands.at(-1)?.push(unquoted(word))
    }
    redirected = false
  }
  return commands.filter(words => words.length > 0)
}

const endOfLine = (line: string, from: number): number => {
  const end = line.indexOf('\n', from)
  return end === -1 ? line.length : end
}

/** POSIX Shell Command Language §2.2: within "…" a backslash counts before `"`, `\`, `$` and a back quote alone. */
const unquoted = (word: string): string =>
  word.replace(/'([^']*)'|"((?:\\.|[^"\\])*)"|\\(.)/gs, (_, single, double, escaped) =>
    double === undefined ? (single ?? escaped) : double.replace(/\\(["\\$`])/g, '$1'),
  )

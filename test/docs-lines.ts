// The command lines of dns01 that README, docs/ and the other pages show.
import { allBlocks, PAGES, pageText } from './docs.js'

/** A command line, and where it is shown. */
export interface Shown {
  readonly where: string
  readonly words: readonly string[]
}

/** The words of a line of sh, and the operators between commands. Of quotes only what our pages have: no escapes in them. */
const tokens = (line: string): string[] =>
  [...line.replace(/(^|\s)#.*$/, '').matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|&;<>])+|[|&;<>]+/g)].map(([word]) => word)

const unquoted = (word: string): string => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single)

/** What stands behind the word dns01 in each command of the line. */
function callsIn(line: string): string[][] {
  const commands: string[][] = [[]]
  for (const token of tokens(line)) {
    if (/^[|&;<>]+$/.test(token)) commands.push([])
    else commands.at(-1)?.push(token)
  }
  return commands.flatMap(words => {
    const at = words.findIndex(word => !/^\w+=/.test(word))
    return words[at] === 'dns01' ? [words.slice(at + 1).map(unquoted)] : []
  })
}

export const shownInBlocks: Shown[] = allBlocks('sh').flatMap(({ page, line, text }) =>
  text
    .replaceAll('\\\n', '  ')
    .split('\n')
    .flatMap((each, i) => callsIn(each).map(words => ({ where: `${page}:${line + i}`, words }))),
)

/** In running text, between backquotes: what is a whole command line, without a placeholder such as `dns01 …`. */
export const shownInText: Shown[] = PAGES.filter(page => page !== 'CHANGELOG.md').flatMap(page =>
  [...pageText(page).matchAll(/`(dns01 [^`]*)`/g)]
    .filter(([, line = '']) => !/…|DIALECT/.test(line))
    .flatMap(([, line = '']) => callsIn(line).map(words => ({ where: `${page} \`${line}\``, words }))),
)

/** Capitals stand for what the reader puts in. */
export const filledIn = (words: readonly string[]): string[] =>
  words.map(word => ({ NAME: 'www.example.com', HOST: 'www.example.com', PROVIDER: 'rfc2136' })[word] ?? word)

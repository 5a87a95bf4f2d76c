// YAML as everybody here reads it: the library composes by recursion, and thousands of levels end the process instead
// of the parse.
import {
  type Document,
  type DocumentOptions,
  isAlias,
  isScalar,
  type Node,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  visit,
  YAMLParseError,
} from 'yaml'

/** Our own files need five. */
export const mostLevels = 50

/**
 * parseDocument() of the library. What is nested too deeply is an error of the document, at its place, before it is
 * parsed; so is an alias within what it stands for, which has no end. The library's warnings would go to standard error as
 * they are, with texts of the file.
 */
export function parseYaml(text: string, options: ParseOptions & DocumentOptions & SchemaOptions = {}): Document.Parsed {
  const at = tooDeepAt(text)
  if (at === undefined) return withLoopsTold(parseDocument(text, { logLevel: 'error', ...options }), text)
  const doc = parseDocument('', options)
  for (const { index } of text.matchAll(/\n/g)) options.lineCounter?.addNewLine(index + 1)
  doc.errors.push(new YAMLParseError([at, at + 1], 'IMPOSSIBLE', `nested deeper than ${mostLevels} levels`))
  return doc
}

/** What an alias means stands before it (YAML 1.2.2 §7.1): so a loop is an alias below the node that it names. */
function withLoopsTold(doc: Document.Parsed, text: string): Document.Parsed {
  if (!text.includes('*')) return doc
  const anchored = new Map<string, Node>()
  visit(doc, {
    Node: (_, node, path) => {
      if (isAlias(node)) {
        const named = anchored.get(node.source)
        if (named === undefined || !path.includes(named)) return
        const [from = 0, to = from + 1] = node.range ?? []
        doc.errors.push(new YAMLParseError([from, to], 'BAD_ALIAS', `*${node.source} is inside the node that it names`))
      } else if ('anchor' in node && node.anchor) anchored.set(node.anchor, node)
    },
  })
  return doc
}

/**
 * Where the text goes deeper, by brackets (YAML 1.2.2 §7.4) and by indentation (§8.2), with `- - -` a level each. Brackets
 * in quotes and comments are counted, too: fifty open ones in a row of a sane file there are not.
 */
export function tooDeepAt(text: string): number | undefined {
  const columns: number[] = []
  let brackets = 0
  let colons = 0 // `a: b: c:` is wrong, but the library goes down all the way before it says so
  let offset = 0
  for (const line of text.split('\n')) {
    let column = line.search(/[^ ]/)
    if (brackets === 0) colons = 0
    if (column >= 0 && brackets === 0) while (columns.length > 0 && (columns.at(-1) ?? 0) >= column) columns.pop()
    for (let i = Math.max(column, 0); i < line.length; i++) {
      if (brackets === 0 && i === column && line[i] !== '\r') {
        columns.push(column)
        if (/^[-?:][ \t]/.test(line.slice(i, i + 2))) column = nextWord(line, i + 1)
      }
      if (line[i] === '[' || line[i] === '{') brackets++
      else if (line[i] === ']' || line[i] === '}') brackets = Math.max(0, brackets - 1)
      else if (/^:[ \t]/.test(line.slice(i, i + 2)) || (brackets > 0 && goesOn(line, i))) colons++
      if (brackets > 0 && /[[\]{},]/.test(line[i] ?? '')) colons = 0 // a bracket is a level of its own
      if (columns.length + brackets + colons > mostLevels) return offset + i
    }
    offset += line.length + 1
  }
  return undefined
}

/** Within brackets a key may end a line, be in quotes, and be told by a question mark (YAML 1.2.2 §7.4.2). */
const goesOn = (line: string, i: number): boolean =>
  (line[i] === ':' && (/^\s*$/.test(line.slice(i + 1)) || /["']/.test(line[i - 1] ?? ''))) ||
  (line[i] === '?' && /^(\s|$)/.test(line.slice(i + 1, i + 2)))

function nextWord(line: string, from: number): number {
  let at = from
  while (line[at] === ' ' || line[at] === '\t') at++
  return at
}

/** A scalar as it is written: `label: 010` is the text 010. */
export const textOf = (node: unknown): string | undefined =>
  isScalar(node) && node.value !== null ? (typeof node.value === 'string' ? node.value : node.source) : undefined

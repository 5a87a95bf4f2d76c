import {
  type Document,
  type DocumentOptions,
  type ParseOptions,
  parseDocument,
  type SchemaOptions,
  YAMLParseError,
} from 'yaml'

/** YAML as everybody here reads it: the library composes by recursion, and thousands of levels end the process instead of the parse. */

/** Our own files need five. */
export const mostLevels = 50

/** parseDocument() of the library; what is nested too deeply is an error of the document, at its place, before it is parsed. */
export function parseYaml(text: string, options: ParseOptions & DocumentOptions & SchemaOptions = {}): Document.Parsed {
  const at = tooDeepAt(text)
  if (at === undefined) return parseDocument(text, options)
  const doc = parseDocument('', options)
  for (const { index } of text.matchAll(/\n/g)) options.lineCounter?.addNewLine(index + 1)
  doc.errors.push(new YAMLParseError([at, at + 1], 'IMPOSSIBLE', `nested deeper than ${mostLevels} levels`))
  return doc
}

/**
 * Where the text goes deeper, by brackets (YAML 1.2.2 §7.4) and by indentation (§8.2), with `- - -` a level each. Brackets
 * in quotes and comments are counted, too: fifty open ones in a row of a sane file there are not.
 */
export function tooDeepAt(text: string): number | undefined {
  const columns: number[] = []
  let brackets = 0
  let offset = 0
  for (const line of text.split('\n')) {
    let column = line.search(/[^ ]/)
    if (column >= 0 && brackets === 0) while (columns.length > 0 && (columns.at(-1) ?? 0) >= column) columns.pop()
    for (let i = Math.max(column, 0); i < line.length; i++) {
      if (brackets === 0 && i === column && line[i] !== '\r') {
        columns.push(column)
        if (/^[-?:][ \t]/.test(line.slice(i, i + 2))) column = nextWord(line, i + 1)
      }
      if (line[i] === '[' || line[i] === '{') brackets++
      else if (line[i] === ']' || line[i] === '}') brackets = Math.max(0, brackets - 1)
      if (columns.length + brackets > mostLevels) return offset + i
    }
    offset += line.length + 1
  }
  return undefined
}

function nextWord(line: string, from: number): number {
  let at = from
  while (line[at] === ' ' || line[at] === '\t') at++
  return at
}

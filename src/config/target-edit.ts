// Changes the names in a target file as text, and has the YAML library write it anew only where that does not come
// out right: comments, order and layout belong to the person who wrote the file.
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLSeq } from 'yaml'
import { Dns01Error } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import { parseYaml } from './yaml-text.js'

/** What `want` writes; acmetool writes the same. A wildcard is quoted: a bare `*` would be an alias. */
export const newTargetText = (names: readonly Name[]): string =>
  ['satisfy:', '  names:', ...names.map(name => `  - ${quoted(name)}`), ''].join('\n')

/** The same for a request of somebody else; its names stand there for who reads the file, and for acmetool. */
export const newCsrTargetText = (names: readonly Name[], csr: string): string =>
  `${newTargetText(names)}request:\n  csr: ${JSON.stringify(csr)}\n`

const quoted = (name: string): string =>
  /^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*$/.test(name) ? name : `"${name}"`

/**
 * Adds and removes names of a target file and leaves all the rest as it is, comments and layout included. Names are
 * removed from `request.names` too, or the CA would still be asked for them. The YAML library finds the places; the text is cut by
 * hand, since what the library writes from its document has other columns, quotes and line ends (`node test/bench/libraries.mjs`),
 * and its syntax trees can be written byte for byte but take no new items. It writes where cutting does not come out right.
 * @returns undefined when no name is left: the file is to be removed
 * @throws Dns01Error CONFIG when the text is not YAML, or is such that it cannot be edited
 */
export function editNames(
  text: string,
  change: { readonly file: string; readonly add?: readonly Name[]; readonly remove?: readonly Name[] },
): string | undefined {
  const { add = [], remove = [] } = change
  const doc = parse(text, change.file)
  const owned = listAt(doc, ['satisfy', 'names']) ?? listAt(doc, ['names'])
  const before = owned ? namesIn(owned.list) : [parseName(change.file)]
  const after = [...before.filter(name => !remove.includes(name)), ...add.filter(name => !before.includes(name))]
  if (after.length === 0) return undefined
  if (before.join() === after.join() && !owned) return text
  const withNames = replaceList(text, change.file, owned?.path ?? ['satisfy', 'names'], after)
  const asked = listAt(parse(withNames, change.file), ['request', 'names'])
  if (!asked) return withNames
  const left = namesIn(asked.list).filter(name => !remove.includes(name))
  return replaceList(withNames, change.file, asked.path, [...left, ...add.filter(name => !left.includes(name))])
}

function parse(text: string, file: string): Document {
  const doc = parseYaml(text, { version: '1.1', uniqueKeys: false })
  if (doc.errors[0]) throw new Dns01Error('CONFIG', `desired/${file}: ${doc.errors[0].message.split('\n')[0]}`)
  return doc
}

interface FoundList {
  readonly path: readonly string[]
  readonly list: YAMLSeq
  /** It stands elsewhere, where an anchor is: others may mean the same list. */
  readonly shared: boolean
}

/** A list that is not empty; of equal keys the last. */
function listAt(doc: Document, path: readonly string[]): FoundList | undefined {
  let node: unknown = doc.contents
  let shared = false
  for (const key of path) {
    if (!isMap(node)) return undefined
    const value: unknown = node.items.findLast(pair => isScalar(pair.key) && pair.key.value === key)?.value
    shared ||= isAlias(value)
    node = isAlias(value) ? value.resolve(doc) : value
  }
  return isSeq(node) && node.items.length > 0 ? { path, list: node, shared } : undefined
}

const rawOf = (item: unknown): string => (isScalar(item) ? String(item.source ?? item.value) : '')

const normal = (item: unknown): Name | undefined => {
  try {
    return parseName(rawOf(item))
  } catch {
    return undefined
  }
}

const namesIn = (list: YAMLSeq): Name[] => list.items.flatMap(item => normal(item) ?? [])

/** Cuts and adds in the text, and looks whether that came out right; else (aliases, no list yet) the YAML library writes it anew. */
function replaceList(text: string, file: string, path: readonly string[], names: readonly Name[]): string {
  const found = listAt(parse(text, file), path)
  if (found && namesIn(found.list).join() === names.join()) return text
  const spliced = found && !found.shared && (found.list.flow ? replaceFlow : replaceLines)(text, found.list, names)
  if (typeof spliced === 'string' && holds(spliced, file, path, names)) return spliced
  const doc = parse(text, file)
  const kept = found?.list.items.filter(item => names.includes(normal(item) as Name)) ?? []
  const added = names.filter(name => !kept.some(item => normal(item) === name)).map(name => doc.createNode(name))
  const list = doc.createNode([]) as YAMLSeq
  list.flow = found?.list.flow ?? false
  list.items = [...kept, ...added]
  const section = path.slice(0, -1)
  if (!isMap(doc.contents)) doc.contents = doc.createNode({})
  if (section.length > 0 && !isMap(doc.getIn(section))) doc.setIn(section, doc.createNode({}))
  doc.setIn(path, list)
  const rewritten = written(doc)
  if (rewritten !== undefined && holds(rewritten, file, path, names)) return rewritten
  throw new Dns01Error('CONFIG', `desired/${file}: its names cannot be changed by a program`, {
    hint: 'it has an alias without an anchor, or another trick of YAML: change it by hand',
  })
}

/** undefined when the library cannot: an alias whose anchor is nowhere. */
function written(doc: Document): string | undefined {
  try {
    return doc.toString({ lineWidth: 0, indentSeq: false, flowCollectionPadding: false })
  } catch {
    return undefined
  }
}

/** `[a, b]`, items as they are written. */
function replaceFlow(text: string, list: YAMLSeq, names: readonly Name[]): string {
  const written = new Map(list.items.map(item => [normal(item), isScalar(item) ? text.slice(...span(item)) : '']))
  const [from, to] = span(list)
  return `${text.slice(0, from)}[${names.map(name => written.get(name) ?? quoted(name)).join(', ')}]${text.slice(to)}`
}

const span = (node: Node): [number, number] => [node.range?.[0] ?? 0, node.range?.[1] ?? 0]

/** An item a line: comments at the end of a line go with it. */
function replaceLines(text: string, list: YAMLSeq, names: readonly Name[]): string {
  const starts = list.items.map(item => text.lastIndexOf('\n', (isScalar(item) ? (item.range?.[0] ?? 0) : 0) - 1) + 1)
  const first = starts[0] ?? 0
  const indent = text.slice(first).match(/^\s*-\s+/)?.[0] ?? '- '
  const lineEnd = (from: number): number => {
    const end = text.indexOf('\n', from)
    return end < 0 ? text.length : end + 1
  }
  const newline = text.includes('\r\n') ? '\r\n' : '\n'
  const kept = new Set<string>()
  let result = text.slice(0, first)
  let at = first
  for (const [i, item] of list.items.entries()) {
    const start = starts[i] ?? at
    const name = normal(item)
    result += text.slice(at, start)
    at = lineEnd(start)
    if (name !== undefined && names.includes(name) && !kept.has(name)) {
      result += text.slice(start, at)
      kept.add(name)
    }
  }
  if (result !== '' && !result.endsWith('\n')) result += newline
  const added = names.filter(name => !kept.has(name)).map(name => indent + quoted(name) + newline)
  return result + added.join('') + text.slice(at)
}

const holds = (text: string, file: string, path: readonly string[], names: readonly Name[]): boolean => {
  try {
    const found = listAt(parse(text, file), path)
    return found !== undefined && namesIn(found.list).join() === names.join()
  } catch {
    return false
  }
}

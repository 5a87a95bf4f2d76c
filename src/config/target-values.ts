// The keys of a target file, and their values by type, each with its place in the file for what is said about it. What they
// mean together is target-file's.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair } from 'yaml'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import { type ChallengeMethod, challengeMethods, type KeySpec } from '../core/target.js'
import { isDirectoryUrl } from '../core/urls.js'
import type { Form } from './request-forms.js'
import { parseYaml, textOf } from './yaml-text.js'

/** acmetool's schema of desired/* and conf/target, and our own keys: `fallback`, `fallback-after`, `partial`, `profile`, `csr`, `by-hand`,
 * `preferred-chain`, `key.reuse`, `challenge.dns`, `check` and `export`. */
const KNOWN = [
  'satisfy.names',
  'satisfy.margin',
  'satisfy.key.type',
  'request.names',
  'request.csr',
  'request.by-hand',
  'request.provider',
  'request.fallback',
  'request.fallback-after',
  'request.ocsp-must-staple',
  'request.partial',
  'request.profile',
  'request.preferred-chain',
  'request.key.type',
  'request.key.rsa-size',
  'request.key.ecdsa-curve',
  'request.key.id',
  'request.key.reuse',
  'request.challenge.webroot-paths',
  'request.challenge.http-ports',
  'request.challenge.http-self-test',
  'request.challenge.env',
  'request.challenge.dns',
  'priority',
  'label',
  'check',
  'export',
  'names',
  'provider',
] as const
export type Key = (typeof KNOWN)[number]

const SECTIONS: readonly string[] = ['satisfy', 'satisfy.key', 'request', 'request.key', 'request.challenge']

/** The known values of a file, by type. undefined: not there, or null. Every getter throws CONFIG for a wrong type. */
export interface Values {
  readonly warnings: string[]
  warn(key: Key, message: string): void
  /** An error at the place of this key. */
  wrong(key: Key, message: string, hint?: string): Dns01Error
  has(key: Key): boolean
  text(key: Key): string | undefined
  whole(key: Key): number | undefined
  truth(key: Key): boolean | undefined
  list(key: Key): string[] | undefined
  table(key: Key): Record<string, string> | undefined
  /** A key with a form of its own. */
  form<T>(key: Key, form: Form<T>): T | undefined
  url(key: Key): string | undefined
  label(key: Key): string | undefined
  keyType(key: Key): KeySpec['type'] | undefined
  /** Of `request.challenge.dns`, whose other keys are a provider's settings. */
  method(): ChallengeMethod | undefined
  /** An empty list is not a list. */
  names(key: Key): Name[] | undefined
  /** The file's own name as a host name. */
  name(file: string): Name
}

/** @throws Dns01Error CONFIG with file and line: no YAML */
export function readValues(file: string, text: string): Values {
  const lines = new LineCounter()
  // yaml.v2, which acmetool reads with, knows YAML 1.1 (yes, no, <<) and takes the last of several equal keys
  const doc = parseYaml(text, { version: '1.1', uniqueKeys: false, lineCounter: lines })
  const place = (node: Node | undefined): string =>
    node?.range ? `${file}:${lines.linePos(node.range[0]).line}` : file
  const wrong = (node: Node | undefined, what: string, hint?: string): Dns01Error =>
    new Dns01Error('CONFIG', `${place(node)}: ${what}`, { hint })
  const [broken] = doc.errors
  if (broken)
    throw new Dns01Error('CONFIG', `${file}:${lines.linePos(broken.pos[0]).line}: ${broken.message.split('\n')[0]}`)
  const warnings: string[] = []
  const leaves = flatten(doc, {
    unknown: (path, key) => warnings.push(`${place(key)}: unknown key ${path} is ignored; ${suggestion(path)}`),
    wrong,
  })
  const get = <T>(key: Key, what: string, read: (node: Node) => T | undefined): T | undefined => {
    const node = leaves.get(key)
    if (node === undefined || (isScalar(node) && node.value === null)) return undefined
    const value = read(node)
    if (value === undefined) throw wrong(node, `${key} must be ${what}`)
    return value
  }
  const resolve = (node: unknown): unknown => (isAlias(node) ? node.resolve(doc) : node)
  const list = (key: Key): string[] | undefined =>
    get(key, 'a list of texts', node => allOf(isSeq(node) ? node.items.map(item => textOf(resolve(item))) : undefined))
  const text_ = (key: Key): string | undefined => get(key, 'a text', textOf)
  const nameIn = (key: Key | undefined, text: string): Name => {
    try {
      return parseName(text)
    } catch (error) {
      throw wrong(key && leaves.get(key), messageOf(error), error instanceof Dns01Error ? error.hint : undefined)
    }
  }
  return {
    warnings,
    wrong: (key, message, hint) => wrong(leaves.get(key), message, hint),
    has: key => leaves.has(key),
    warn: (key, message) => warnings.push(`${place(leaves.get(key))}: ${message}`),
    text: text_,
    whole: key =>
      get(key, 'a whole number', node =>
        isScalar(node) && Number.isInteger(node.value) ? Number(node.value) : undefined,
      ),
    truth: key =>
      get(key, 'true or false', node => (isScalar(node) && typeof node.value === 'boolean' ? node.value : undefined)),
    list,
    table: key =>
      get(key, 'a table of texts', node => {
        if (!isMap(node)) return undefined
        const pairs = node.items.map(
          pair => [textOf(pair.key), textOf(resolve(pair.value)) ?? emptyIfNull(pair)] as const,
        )
        return pairs.every((pair): pair is [string, string] => pair[0] !== undefined && pair[1] !== undefined)
          ? Object.fromEntries(pairs)
          : undefined
      }),
    form: (key, { what, read }) => get(key, what, node => read(node, resolve)),
    url: key =>
      get(key, 'the https URL of an ACME directory', node => {
        const url = textOf(node)
        return url === '' || (url !== undefined && isDirectoryUrl(url)) ? url : undefined
      }) || undefined,
    label: key =>
      get(key, 'a text without "/" that does not begin with a dot', node => {
        const label = textOf(node)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: a file name with control characters helps nobody
        return label === undefined || /^\.|[/\u0000-\u001f]/.test(label) ? undefined : label
      }),
    keyType: key =>
      get(key, 'rsa or ecdsa', node => {
        const type = textOf(node)
        return type === '' || type === 'rsa' || type === 'ecdsa' ? type : undefined
      }) || undefined,
    method: () => {
      const section = leaves.get('request.challenge.dns')
      const node = isMap(section) ? section.items.findLast(pair => textOf(pair.key) === 'method')?.value : undefined
      const text = textOf(resolve(node))
      if (text === undefined || isMethod(text)) return text
      const known = `request.challenge.dns.method must be one of ${challengeMethods.join(', ')}, not "${text}"`
      throw wrong(node as Node, known)
    },
    names: key => {
      const texts = list(key)
      return texts === undefined || texts.length === 0 ? undefined : [...new Set(texts.map(name => nameIn(key, name)))]
    },
    name: name => nameIn(undefined, name),
  }
}

const isMethod = (text: string): text is ChallengeMethod => (challengeMethods as readonly string[]).includes(text)

const emptyIfNull = (pair: Pair): string | undefined =>
  pair.value === null || (isScalar(pair.value) && pair.value.value === null) ? '' : undefined

const allOf = <T>(values: (T | undefined)[] | undefined): T[] | undefined =>
  values?.every((value): value is T => value !== undefined) ? values : undefined

/** What is done with a mistake in the file. */
interface Complaints {
  unknown(path: string, key: Node): void
  wrong(node: Node | undefined, what: string): Dns01Error
}

/** The values of all known keys, by their dotted path. Of equal keys the last wins; what `<<` brings in loses. */
function flatten(doc: Document, complaints: Complaints): Map<string, Node> {
  const leaves = new Map<string, Node>()
  const walk = (value: unknown, path: string): void => {
    const node = isAlias(value) ? value.resolve(doc) : value
    if (node === null || node === undefined || (isScalar(node) && node.value === null)) return
    if (!isMap(node)) throw complaints.wrong(node as Node, `${path || 'the file'} must be a table of keys and values`)
    for (const pair of node.items) if (isMerge(pair)) for (const each of mergedIn(pair)) walk(each, path)
    for (const pair of node.items) if (!isMerge(pair)) visit(pair, path)
  }
  const visit = (pair: Pair, path: string): void => {
    const key = pair.key as Node
    const whole = path === '' ? (textOf(key) ?? '') : `${path}.${textOf(key)}`
    const value = isAlias(pair.value) ? pair.value.resolve(doc) : (pair.value as Node | null)
    if (SECTIONS.includes(whole)) walk(value, whole)
    else if (!(KNOWN as readonly string[]).includes(whole)) complaints.unknown(whole, key)
    else if (value) leaves.set(whole, value)
  }
  walk(doc.contents, '')
  return leaves
}

const isMerge = (pair: Pair): boolean =>
  isScalar(pair.key) && (pair.key.source === '<<' || typeof pair.key.value === 'symbol')

const mergedIn = (pair: Pair): unknown[] => (isSeq(pair.value) ? [...pair.value.items].reverse() : [pair.value])

/** `request.env` → did you mean "request.challenge.env"? The most common slip is the right key in the wrong section. */
function suggestion(path: string): string {
  const section = path.slice(0, path.lastIndexOf('.') + 1)
  const elsewhere = KNOWN.filter(key => key.endsWith(`.${path.slice(section.length)}`))
  const siblings = [...SECTIONS, ...KNOWN].filter(
    key => key.lastIndexOf('.') + 1 === section.length && key.startsWith(section),
  )
  return elsewhere.length > 0 ? `did you mean "${elsewhere[0]}"?` : didYouMean(path, siblings)
}

// Reads desired/* and conf/target in acmetool's schema, with some keys of our own, so that a directory of acmetool's
// works as it is.
import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair } from 'yaml'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import {
  type ChallengeMethod,
  type Csr,
  challengeMethods,
  type KeySpec,
  type Target,
  type TargetDefaults,
} from '../core/target.js'
import { isSameUrl } from '../core/urls.js'
import { chainForm, type Form, fallbackForm, hoursForm, NONE, profileForm, reuseForm } from './request-forms.js'
import { parseYaml, textOf } from './yaml-text.js'

/** acmetool's schema of desired/* and conf/target, and our own keys: `fallback`, `fallback-after`, `partial`, `profile`, `csr`,
 * `preferred-chain`, `key.reuse` and `challenge.dns`. */
const KNOWN = [
  'satisfy.names',
  'satisfy.margin',
  'satisfy.key.type',
  'request.names',
  'request.csr',
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
  'names',
  'provider',
] as const
type Key = (typeof KNOWN)[number]

const SECTIONS: readonly string[] = ['satisfy', 'satisfy.key', 'request', 'request.key', 'request.challenge']

/** acmetool's default CA. */
const DEFAULT_CA = 'https://acme-v02.api.letsencrypt.org/directory'

const BUILT_IN: TargetDefaults = {
  ca: DEFAULT_CA,
  caGiven: false,
  key: { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 },
  marginDays: 30,
  priority: 0,
  label: '',
  mustStaple: false,
  partial: false,
  env: {},
  dns: { settings: {} },
  webrootPaths: [],
}

/**
 * Reads a file of desired/. Values of its own win over `defaults` one by one, lists as a whole, `env` key by key.
 * Warnings name file and line.
 * @throws Dns01Error CONFIG with file and line: no YAML, a wrong type, an invalid name, label or CA
 */
export function parseTarget(from: {
  readonly file: string
  readonly text: string
  readonly defaults?: TargetDefaults
  /** Reads what request.csr leads to. Throws CONFIG, without the place where it is named. */
  readonly readCsr?: (path: string) => Csr
}): { target: Target; warnings: string[] } {
  const defaults = from.defaults ?? BUILT_IN
  const plain = PLAIN.test(from.text) ? plainTarget(from, defaults) : undefined
  if (plain) return { target: plain, warnings: [] }
  const values = readValues(`desired/${from.file}`, from.text)
  const csr = values.text('request.csr')
  if (csr !== undefined) return { target: targetOfCsr(values, from, csr), warnings: values.warnings }
  const names = values.names('satisfy.names') ?? values.names('names') ?? [values.name(from.file)]
  const requested = values.names('request.names') ?? names
  const missing = names.filter(name => !requested.includes(name))
  if (missing.length > 0)
    values.warn('request.names', `request.names lacks ${missing.join(' ')} of satisfy.names; added`)
  const requestNames = [...requested, ...missing]
  return {
    target: complete(merged(values, defaults), { file: from.file, names, requestNames }),
    warnings: values.warnings,
  }
}

/** Names and key are those of the request; what says otherwise in the file is a mistake. */
function targetOfCsr(
  values: Values,
  { file, defaults = BUILT_IN, readCsr }: Parameters<typeof parseTarget>[0],
  path: string,
): Target {
  let csr: Csr
  try {
    if (!readCsr) throw new Dns01Error('CONFIG', 'it cannot be read here')
    csr = readCsr(path)
  } catch (error) {
    if (!(error instanceof Dns01Error)) throw error
    throw values.wrong('request.csr', `request.csr: ${path}: ${error.message}`, error.hint)
  }
  const own = merged(values, defaults)
  checkAgainstCsr(values, own, csr)
  const { names, keyType } = csr
  const key = { ...own.key, type: keyType, id: undefined, reuse: undefined }
  const target = complete({ ...own, partial: false, mustStaple: false, key }, { file, names, requestNames: names })
  return { ...target, csr }
}

/** What a request says itself. */
const TOLD_BY_CSR = [
  'request.key.type',
  'request.key.rsa-size',
  'request.key.ecdsa-curve',
  'request.key.id',
  'request.key.reuse',
  'request.ocsp-must-staple',
] as const satisfies readonly Key[]

function checkAgainstCsr(values: Values, { requiredKeyType }: TargetDefaults, { path, names, keyType }: Csr): void {
  for (const key of ['satisfy.names', 'names', 'request.names'] as const) {
    const given = values.names(key)
    const more = given?.filter(name => !names.includes(name)) ?? []
    const fewer = given ? names.filter(name => !given.includes(name)) : []
    const differs = [...more.map(name => `it lacks ${name}`), ...fewer.map(name => `${name} is only there`)]
    if (differs.length > 0)
      throw values.wrong(key, `${key} and the request ${path} do not agree: ${differs.slice(0, 3).join(', ')}`)
  }
  if (requiredKeyType !== undefined && requiredKeyType !== keyType)
    throw values.wrong(
      'request.csr',
      `request.csr: ${path} has a key of type ${keyType}, satisfy.key.type wants ${requiredKeyType}`,
    )
  if (values.truth('request.partial'))
    throw values.wrong('request.partial', 'request.partial cannot be with request.csr, which is for all its names')
  for (const key of TOLD_BY_CSR)
    if (values.has(key)) values.warn(key, `${key} has no effect beside request.csr, which has its own`)
}

/** Each by its name, which the compiler checks: of 10,000 targets that are copied together by `...` V8 keeps 6 MB more. */
type EveryField = { readonly [Field in keyof Required<Target>]: Target[Field] }

function complete(own: TargetDefaults, about: Pick<Target, 'file' | 'names' | 'requestNames'>): Target {
  const target: EveryField = {
    file: about.file,
    names: about.names,
    requestNames: about.requestNames,
    ca: own.ca,
    fallback: own.fallback,
    fallbackAfterHours: own.fallbackAfterHours,
    insteadOf: own.insteadOf,
    requiredKeyType: own.requiredKeyType,
    marginDays: own.marginDays,
    marginGiven: own.marginGiven,
    priority: own.priority,
    label: own.label,
    mustStaple: own.mustStaple,
    partial: own.partial,
    profile: own.profile,
    chain: own.chain,
    env: own.env,
    dns: own.dns,
    key: { ...own.key, type: own.requiredKeyType ?? own.key.type },
    csr: undefined,
  }
  return target
}

/** Exactly what `want` and acmetool write. Nearly every file is like this, and YAML would take a third of a no-op run with thousands. */
const PLAIN =
  /^satisfy:\n {2}names:\n( {2}- ([a-z][a-z0-9-]*(\.[a-z0-9-]+)*\.[a-z][a-z0-9-]*|"[a-z0-9._*-]+"|'[a-z0-9._*-]+')\n)+$/

/** undefined when a name is invalid: the slow way says so with its line. */
function plainTarget({ file, text }: { file: string; text: string }, defaults: TargetDefaults): Target | undefined {
  try {
    const items = text.split('\n').slice(2, -1)
    const names = [...new Set(items.map(item => parseName(item.slice(4).replace(/["']/g, ''))))]
    return complete(defaults, { file, names, requestNames: names })
  } catch {
    return undefined
  }
}

/**
 * Reads conf/target, and the two files of older versions that fill its gaps: conf/webroot-path and conf/rsa-key-size.
 * @throws Dns01Error CONFIG as parseTarget()
 */
export function parseDefaults(
  text: string,
  older: { readonly webrootPath?: string | undefined; readonly rsaKeySize?: string | undefined } = {},
): { defaults: TargetDefaults; warnings: string[] } {
  const values = readValues('conf/target', text)
  if (values.has('request.csr'))
    throw values.wrong('request.csr', 'request.csr belongs into a file of desired/: a request is for its own names')
  const bits = older.rsaKeySize?.trim() ?? ''
  const start = /^\d+$/.test(bits) ? { ...BUILT_IN, key: { ...BUILT_IN.key, rsaBits: clamp(Number(bits)) } } : BUILT_IN
  const defaults = merged(values, start)
  const paths = (older.webrootPath ?? '').split('\n').flatMap(line => (line.trim() === '' ? [] : [line.trim()]))
  return {
    defaults: defaults.webrootPaths.length > 0 ? defaults : { ...defaults, webrootPaths: paths },
    warnings: values.warnings,
  }
}

function merged(values: Values, from: TargetDefaults): TargetDefaults {
  const given = values.url('request.provider')
  const legacy = given === undefined && !from.caGiven ? values.url('provider') : undefined
  const profile = values.form('request.profile', profileForm)
  values.list('request.challenge.http-ports')
  values.truth('request.challenge.http-self-test')
  const ca = given ?? legacy ?? from.ca
  return {
    ca,
    fallback: fallbackOf(values, ca) ?? from.fallback?.filter(other => !isSameUrl(other, ca)),
    fallbackAfterHours: values.form('request.fallback-after', hoursForm) ?? from.fallbackAfterHours,
    caGiven: from.caGiven || given !== undefined || legacy !== undefined,
    key: keySpec(values, from.key),
    requiredKeyType: values.keyType('satisfy.key.type') ?? from.requiredKeyType,
    marginDays: values.whole('satisfy.margin') ?? from.marginDays,
    marginGiven: values.whole('satisfy.margin') !== undefined || from.marginGiven,
    priority: values.whole('priority') ?? from.priority,
    label: values.label('label') ?? from.label,
    mustStaple: values.truth('request.ocsp-must-staple') ?? from.mustStaple,
    partial: values.truth('request.partial') ?? from.partial,
    profile: profile === NONE ? undefined : (profile ?? from.profile),
    chain: (values.form('request.preferred-chain', chainForm) ?? from.chain) || undefined,
    env: { ...from.env, ...values.table('request.challenge.env') },
    dns: dnsOf(values, from.dns),
    webrootPaths: values.list('request.challenge.webroot-paths') ?? from.webrootPaths,
  }
}

/** What a file says itself must make sense; what it inherits may be meant for targets of another CA. */
function fallbackOf(values: Values, ca: string): string[] | undefined {
  const given = values.form('request.fallback', fallbackForm)
  const same = given?.find((url, i) => given.some((other, j) => j < i && isSameUrl(other, url)))
  if (given?.some(url => isSameUrl(url, ca)))
    throw values.wrong('request.fallback', `request.fallback: ${ca} is the CA that is asked first`)
  if (same !== undefined) throw values.wrong('request.fallback', `request.fallback: ${same} is there twice`)
  return given
}

function keySpec(values: Values, from: KeySpec): KeySpec {
  const type = values.text('request.key.type')
  const curve = values.text('request.key.ecdsa-curve')
  const bits = values.whole('request.key.rsa-size')
  if (type && type !== 'rsa' && type !== 'ecdsa') values.warn('request.key.type', `key type ${type}: taken as rsa`)
  if (bits !== undefined && bits !== 0 && bits !== clamp(bits)) {
    const why = bits < clamp(bits) ? 'too small' : 'more than any CA accepts'
    values.warn('request.key.rsa-size', `rsa-size ${bits} is ${why}; ${clamp(bits)} is used`)
  }
  if (curve && !isCurve(curve)) values.warn('request.key.ecdsa-curve', `curve ${curve}: taken as nistp256`)
  return {
    type: type ? (type === 'ecdsa' ? 'ecdsa' : 'rsa') : from.type,
    curve: curve ? (isCurve(curve) ? curve : 'nistp256') : from.curve,
    rsaBits: bits === undefined ? from.rsaBits : clamp(bits),
    id: values.text('request.key.id')?.trim().toLowerCase() || from.id,
    reuse: values.form('request.key.reuse', reuseForm) ?? from.reuse,
  }
}

const isCurve = (text: string): text is KeySpec['curve'] => ['nistp256', 'nistp384', 'nistp521'].includes(text)

/** 0 is the default of 2048. */
const clamp = (bits: number): number => Math.min(4096, Math.max(2048, bits))

/** Settings are inherited only together with the provider they are for; the method is by itself. */
function dnsOf(values: Values, from: Target['dns']): Target['dns'] {
  const { provider, method: _, ...settings } = values.table('request.challenge.dns') ?? {}
  const method = values.method() ?? from.method
  const chosen = method === undefined ? {} : { method }
  if (provider !== undefined && provider !== from.provider) return { provider, settings, ...chosen }
  return { provider: from.provider, settings: { ...from.settings, ...settings }, ...chosen }
}

/** The known values of a file, by type. undefined: not there, or null. Every getter throws CONFIG for a wrong type. */
interface Values {
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

function readValues(file: string, text: string): Values {
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
        return url === '' || (url !== undefined && /^https?:\/\//i.test(url) && URL.canParse(url)) ? url : undefined
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

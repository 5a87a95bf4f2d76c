// Reads desired/* and conf/target in acmetool's schema, with some keys of our own, so that a directory of acmetool's
// works as it is.
import { Dns01Error } from '../core/errors.js'
import { parseName } from '../core/names.js'
import { type Place, parsePlace } from '../core/place.js'
import type { Csr, KeySpec, Target, TargetDefaults } from '../core/target.js'
import { isSameUrl } from '../core/urls.js'
import { exportForm } from './export-form.js'
import { chainForm, fallbackForm, hoursForm, NONE, profileForm, reuseForm } from './request-forms.js'
import { type Key, readValues, type Values } from './target-values.js'

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
  if (values.has('request.csr')) return { target: targetOfCsr(values, from), warnings: values.warnings }
  const names = values.names('satisfy.names') ?? values.names('names') ?? [values.name(from.file)]
  const requested = values.names('request.names') ?? names
  const missing = names.filter(name => !requested.includes(name))
  if (missing.length > 0)
    values.warn('request.names', `request.names lacks ${missing.join(' ')} of satisfy.names; added`)
  const requestNames = [...requested, ...missing]
  const exports = values.form('export', exportForm)
  const byHand = values.truth('request.by-hand')
  return {
    target: complete(merged(values, defaults), { file: from.file, names, requestNames, exports, byHand }),
    warnings: values.warnings,
  }
}

/** Names and key are those of the request; what says otherwise in the file is a mistake. */
function targetOfCsr(
  values: Values,
  { file, defaults = BUILT_IN, readCsr }: Parameters<typeof parseTarget>[0],
): Target {
  const path = values.text('request.csr')
  // not as if the line were missing: a key of ours would then be live for a name whose key is elsewhere
  if (!path)
    throw values.wrong('request.csr', 'request.csr is empty', 'name the file of the request, or take the line out')
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
  if (values.has('request.by-hand'))
    throw values.wrong('request.by-hand', 'request.by-hand cannot be with request.csr, which is sent to a CA by ACME')
  if (values.has('export'))
    throw values.wrong('export', 'export cannot be with request.csr, whose private key is elsewhere')
  for (const key of TOLD_BY_CSR)
    if (values.has(key)) values.warn(key, `${key} has no effect beside request.csr, which has its own`)
}

/** Each by its name, which the compiler checks: of 10,000 targets that are copied together by `...` V8 keeps 6 MB more. */
type EveryField = { readonly [Field in keyof Required<Target>]: Target[Field] }

function complete(
  own: TargetDefaults,
  about: Pick<Target, 'file' | 'names' | 'requestNames' | 'exports' | 'byHand'>,
): Target {
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
    check: own.check,
    exports: about.exports,
    byHand: about.byHand,
    env: own.env,
    dns: own.dns,
    key: { ...own.key, type: own.requiredKeyType ?? own.key.type },
    csr: undefined,
  }
  return target
}

/**
 * Exactly what `want` and acmetool write. Nearly every file is like this, and YAML would take a third of a no-op run with
 * thousands.
 */
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
  if (values.has('request.by-hand'))
    throw values.wrong('request.by-hand', 'request.by-hand belongs into a file of desired/: dns01 csr writes it')
  if (values.has('export'))
    throw values.wrong('export', 'export belongs into a file of desired/: its files are made of one certificate')
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
    check: checkOf(values) ?? from.check,
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

/** Places where it is served, each complained about by itself; an empty list is none, whatever conf/target says. */
function checkOf(values: Values): Place[] | undefined {
  return values.list('check')?.map(text => {
    try {
      return parsePlace(text)
    } catch (error) {
      if (!(error instanceof Dns01Error)) throw error
      throw values.wrong('check', `check: ${error.message}`, error.hint)
    }
  })
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

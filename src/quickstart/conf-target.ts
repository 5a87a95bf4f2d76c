/**
 * The choice of CA, profile and key in conf/target. The file may be somebody's own work, so that only what was chosen
 * changes in it.
 */

import { type Document, isMap } from 'yaml'
import { parseDefaults } from '../config/target-file.js'
import { parseYaml } from '../config/yaml-text.js'
import { Dns01Error } from '../core/errors.js'
import { stagingOf } from '../core/staging.js'
import type { Log } from '../core/world.js'
import { serverPart } from '../state/layout.js'
import { type Answers, type Choice, untilGood } from './answers.js'
import { ID } from './ids.js'

const LETS_ENCRYPT = parseDefaults('').defaults.ca
const STAGING = stagingOf(LETS_ENCRYPT) ?? LETS_ENCRYPT
const CURVES = ['nistp256', 'nistp384', 'nistp521'] as const

/** What conf/target is to say under `request`: path → value; undefined: nothing. */
type Wanted = Readonly<Record<string, string | number | undefined>>

interface Parts {
  /** conf/target as it is; '' when there is none. */
  readonly text: string
  readonly answers: Answers
  readonly log: Log
  /** Asks about keys, too. */
  readonly expert: boolean
  /** Throws CONFIG or UNAVAILABLE for what is not the directory of a CA. */
  readonly check: (ca: string) => Promise<void>
}

/**
 * conf/target with the chosen CA and key; the very same text when that changes nothing.
 * @throws Dns01Error CONFIG for an answer that is not a URL, key type, size or curve, and for a file that cannot be read
 */
export async function chooseDefaults(parts: Parts): Promise<string> {
  const { text } = parts
  const { defaults } = parseDefaults(text)
  const ca = await chooseCa(parts, defaults.caGiven ? defaults.ca : undefined)
  const isNew = !defaults.caGiven || serverPart(ca) !== serverPart(defaults.ca)
  const key = await chooseKey(parts)
  const builtIn: Wanted = text === '' ? { 'key.type': defaults.key.type } : {}
  const provider: Wanted = isNew ? { provider: ca } : {}
  return edited(text, { ...provider, ...builtIn, ...key })
}

/** The CA as a URL that was checked. A person is asked again until it is good; a file of answers is wrong once and for all. */
async function chooseCa({ answers, check }: Parts, current: string | undefined): Promise<string> {
  const choices: Choice[] = [
    { value: LETS_ENCRYPT, label: "Let's Encrypt" },
    { value: STAGING, label: "Let's Encrypt staging", hint: 'certificates that nobody trusts, to try things out' },
    { value: 'url', label: 'another CA, by the URL of its ACME directory' },
  ]
  if (current !== undefined && choices.every(({ value }) => value !== current))
    choices.unshift({ value: current, label: current, hint: 'as it is now' })
  choices.sort((a, b) => Number(b.value === current) - Number(a.value === current))
  let usual = current ?? LETS_ENCRYPT
  let url: string | undefined
  const ask = async (): Promise<string> => {
    usual = (await answers.choice(ID.server, 'Which CA?', choices, usual)) ?? usual
    if (usual !== 'url') return usual
    url = await answers.text(ID.serverUrl, 'URL of its ACME directory:', url)
    return url ?? ''
  }
  const isWritten = answers.inFile(ID.server) !== undefined && answers.inFile(ID.server) !== 'url'
  const interactive = answers.interactive && !isWritten && answers.inFile(ID.serverUrl) === undefined
  return untilGood({ ...answers, interactive }, ask, async ca => {
    serverPart(ca) // throws for what is not a URL
    await check(ca)
    return ca
  })
}

/** Nothing when nobody says anything about keys. A size alone means RSA, as acmetool's default is. */
async function chooseKey({ answers, expert, log }: Parts): Promise<Wanted> {
  const fromFile = answers.inFile(ID.keyType)
  const implied = answers.inFile(ID.rsaSize) ? 'rsa' : answers.inFile(ID.curve) ? 'ecdsa' : undefined
  const asked = expert && fromFile === undefined && implied === undefined
  const type =
    fromFile ??
    implied ??
    (asked ? await answers.choice(ID.keyType, 'Which type of key?', KEY_TYPES, 'ecdsa') : undefined)
  if (type === undefined) return {}
  if (type !== 'rsa' && type !== 'ecdsa') throw wrong(answers, ID.keyType, type, 'rsa or ecdsa')
  const about = { answers, expert }
  return type === 'rsa'
    ? { 'key.type': type, ...(await rsaSize(about, log)) }
    : { 'key.type': type, ...(await curve(about)) }
}

/** One profile is no choice. */
const leastProfiles = 2

/**
 * conf/target with the chosen profile (draft-ietf-acme-profiles), of those that the CA offers, in its own words; the very
 * same text when nobody is asked, or nobody says anything.
 * @throws Dns01Error CONFIG for an answer that is none of them
 */
export async function chooseProfile(
  text: string,
  answers: Answers,
  offered: Readonly<Record<string, string>>,
): Promise<string> {
  const names = Object.keys(offered)
  const written = answers.inFile(ID.profile)
  if (written !== undefined && !names.includes(written))
    throw wrong(
      answers,
      ID.profile,
      written,
      names.length > 0 ? `one of ${names.join(', ')}` : 'offered by the CA, nor any other',
    )
  if (names.length < leastProfiles) return text
  const now = parseDefaults(text).defaults.profile?.name
  const current = now !== undefined && names.includes(now) ? now : ''
  const choices = [
    { value: '', label: 'none: the CA chooses' },
    ...names.map(value => ({ value, label: value, hint: offered[value] ?? '' })),
  ]
  const chosen = await answers.choice(ID.profile, 'Which profile of certificates?', choices, current)
  return chosen === undefined || chosen === (now ?? '') ? text : edited(text, { profile: chosen || undefined })
}

const KEY_TYPES: readonly Choice[] = [
  { value: 'ecdsa', label: 'ECDSA', hint: 'small and fast; every program of the last ten years takes it' },
  { value: 'rsa', label: 'RSA', hint: 'for older programs' },
]

type About = Pick<Parts, 'answers' | 'expert'>

async function rsaSize({ answers, expert }: About, log: Log): Promise<Wanted> {
  if (!expert && answers.inFile(ID.rsaSize) === undefined) return {}
  const interactive = answers.interactive && answers.inFile(ID.rsaSize) === undefined
  const ask = async (): Promise<string> =>
    (await answers.text(ID.rsaSize, 'Bits of RSA keys (2048 to 4096):', '2048')) ?? '2048'
  const bits = await untilGood({ ...answers, interactive }, ask, text => wholeNumber(answers, text))
  const size = Math.min(4096, Math.max(2048, bits))
  if (size !== bits) log.notice(`RSA keys have 2048 to 4096 bits: ${size} instead of ${bits}`)
  return { 'key.rsa-size': size }
}

const wholeNumber = (answers: Pick<Answers, 'place'>, text: string): number => {
  if (!/^\d{1,9}$/.test(text)) throw wrong(answers, ID.rsaSize, text, 'a whole number')
  return Number(text)
}

async function curve({ answers, expert }: About): Promise<Wanted> {
  const choices = CURVES.map(value => ({ value, label: value }))
  const said = expert ? await answers.choice(ID.curve, 'Which curve?', choices, CURVES[0]) : answers.inFile(ID.curve)
  if (said === undefined) return {}
  if (!(CURVES as readonly string[]).includes(said)) throw wrong(answers, ID.curve, said, CURVES.join(', '))
  return { 'key.ecdsa-curve': said }
}

const wrong = (answers: Pick<Answers, 'place'>, id: string, said: string, wanted: string): Dns01Error =>
  new Dns01Error('CONFIG', `${answers.place(id)}: "${said}" is not ${wanted}`)

/** Sets values under `request`, and leaves comments, order and all else. */
function edited(text: string, wanted: Wanted): string {
  const doc = parseYaml(text, { version: '1.1', uniqueKeys: false })
  const changes = Object.entries(wanted).filter(([path, value]) => doc.getIn(['request', ...path.split('.')]) !== value)
  if (changes.length === 0) return text
  try {
    for (const [path, value] of changes) {
      const whole = ['request', ...path.split('.')]
      if (value === undefined) doc.deleteIn(whole)
      else set(doc, whole, value)
    }
    const after = doc.toString({ lineWidth: 0, indentSeq: false, flowCollectionPadding: false })
    if (holds(after, wanted)) return after
  } catch (cause) {
    if (cause instanceof Dns01Error) throw cause
  }
  const hint = `write there under request: ${changes.map(([path, value]) => `${path}: ${value ?? '(nothing)'}`).join(', ')}`
  throw new Dns01Error(
    'CONFIG',
    'conf/target is written in a way that cannot be edited here (aliases, repeated keys)',
    {
      hint,
    },
  )
}

/** A section that is empty (`request:`) becomes a table. */
function set(doc: Document, path: readonly string[], value: string | number): void {
  if (!isMap(doc.contents)) doc.contents = doc.createNode({})
  for (let depth = 1; depth < path.length; depth++) {
    const section = path.slice(0, depth)
    if ((doc.getIn(section) ?? null) === null) doc.setIn(section, doc.createNode({}))
  }
  doc.setIn(path, value)
}

/** Read as reconcile will read it: of keys that are there twice the last one counts. */
function holds(text: string, wanted: Wanted): boolean {
  const { ca, key, profile } = parseDefaults(text).defaults
  const read: Wanted = {
    provider: ca,
    profile: profile?.name,
    'key.type': key.type,
    'key.rsa-size': key.rsaBits,
    'key.ecdsa-curve': key.curve,
  }
  return Object.entries(wanted).every(([path, value]) => read[path] === value)
}

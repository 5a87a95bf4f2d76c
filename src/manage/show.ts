/**
 * What `dns01 show` finds: a name, a certificate or key of the state directory, or files from anywhere, each read as what it is
 * and held against the rest. It asks nobody and changes nothing. Whether the files of a name belong together is looked at
 * anew, by the keys themselves, which a run does only for what was changed.
 */

import { join, resolve } from 'node:path'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf, shortList } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import { standardInput, type World } from '../core/world.js'
import { statusDocument, type TargetStatus } from '../renew/status.js'
import type { Certificate } from '../state/certificates.js'
import { accountPath, certificatePath, keyPath } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { type Contents, inspect, longestFileBytes, type Part } from '../x509/inspect.js'
import { type Belonging, belonging, leafOf } from '../x509/together.js'

/** One file, and what is in it. */
export interface ShownFile extends Partial<Contents> {
  readonly path: string
  readonly parts: readonly Part[]
  /** Why it could not be read; only of what is in the state directory, as the rest can be told all the same. */
  readonly problem?: string | undefined
}

/** What one argument stands for; all files together are one, as they are held against each other. */
export interface Shown {
  /** As it was typed; of files nothing. */
  readonly given?: string | undefined
  readonly kind: 'name' | 'certificate' | 'key' | 'account key' | 'files'
  readonly files: readonly ShownFile[]
  readonly belonging: readonly Belonging[]
  /** Its folder in certs/. */
  readonly certificate?: Certificate | undefined
  /** Links of live/ that lead to it. */
  readonly live: readonly string[]
  /** SERVER/KEYID, whose account got it, or whose key it is. */
  readonly account?: string | undefined
  /** Of a key: the certificates for it that are here. */
  readonly usedBy: readonly string[]
  /** The targets that it serves, or that ask for the name, as `dns01 status` has them. */
  readonly targets: readonly TargetStatus[]
}

type ShowWorld = Pick<World, 'clock' | 'env' | 'files'>

/** @throws Dns01Error USAGE for what is nothing at all; CONFIG for a file that is neither PEM nor DER */
export function show(world: ShowWorld, openState: () => StateDir, words: readonly string[]): Shown[] {
  const shelf = new Shelf(world, openState)
  const meant = words.map(word => ({ word, ...meaningOf(shelf, word) }))
  const files = meant.flatMap(({ path }) => (path === undefined ? [] : [readFile(world, path)]))
  const stored = meant.flatMap(({ word, found }) => (found ? [shelf.shown(word, found)] : []))
  return [...stored, ...(files.length > 0 ? [shelf.shownFiles(files)] : [])]
}

interface Found {
  readonly kind: Exclude<Shown['kind'], 'files'>
  /** A name, or the whole id. */
  readonly id: string
}

/** Shorter ones are mostly words. */
const ID_PREFIX = /^[a-z2-7]{4,52}$/

/** A path before all else; then what is ours; then a file of that name in the working directory. */
function meaningOf(shelf: Shelf, word: string): { readonly path?: string; readonly found?: Found } {
  if (/^\.|\//.test(word)) return { path: resolve(word) }
  const path = resolve(word)
  const isFile = shelf.isThere(path)
  if (!shelf.opens()) {
    if (isFile) return { path }
    throw shelf.problem
  }
  const name = asName(word)
  if (shelf.links.has(word)) return { found: { kind: 'name', id: word } }
  if (name !== undefined && (shelf.links.has(name) || shelf.targetsOf(name).length > 0))
    return { found: { kind: 'name', id: name } }
  const ids = ID_PREFIX.test(word) ? shelf.ids().filter(({ id }) => (id.split('/').at(-1) ?? '').startsWith(word)) : []
  const [found, ...others] = ids
  if (found && others.length === 0) return { found }
  if (isFile) return { path }
  if (found)
    throw new Dns01Error('USAGE', `${word} is the beginning of ${ids.length} ids: ${shortList(ids.map(told))}`, {
      hint: 'give more of it',
    })
  const otherwise = 'dns01 status lists what is wanted; a file may need its path'
  throw new Dns01Error('USAGE', `there is no name, id or file "${word}"`, {
    hint: shelf.names().length > 0 ? didYouMean(word, shelf.names(), otherwise) : otherwise,
  })
}

const told = ({ kind, id }: Found): string => `${kind} ${id}`

function asName(word: string): Name | undefined {
  try {
    return parseName(word)
  } catch {
    return undefined
  }
}

/** The state directory, read once and only when something is looked for in it: a file can be shown without one. */
class Shelf {
  problem: unknown
  links: ReadonlyMap<string, string> = new Map()
  readonly #world: ShowWorld
  readonly #openState: () => StateDir
  #state: StateDir | undefined
  #certificates: readonly Certificate[] = []
  #status: readonly TargetStatus[] = []

  constructor(world: ShowWorld, openState: () => StateDir) {
    this.#world = world
    this.#openState = openState
  }

  opens(): boolean {
    if (this.#state || this.problem) return this.problem === undefined
    try {
      const state = this.#openState()
      this.#certificates = state.certificates()
      this.links = state.links()
      this.#status = statusDocument(this.#world, state).targets
      this.#state = state
    } catch (error) {
      if (!(error instanceof Dns01Error)) throw error
      this.problem = error
    }
    return this.problem === undefined
  }

  isThere(path: string): boolean {
    return this.#world.files.info(path) !== undefined
  }

  targetsOf(name: string): TargetStatus[] {
    return this.#status.filter(({ names }) => names.some(one => one === name))
  }

  names(): string[] {
    return [...new Set([...this.links.keys(), ...this.#status.flatMap(({ names }) => names)])]
  }

  ids(): Found[] {
    return [
      ...this.#certificates.map(({ id }) => ({ kind: 'certificate' as const, id })),
      ...[...(this.#state?.keyIds() ?? [])].map(id => ({ kind: 'key' as const, id })),
      ...(this.#state?.accounts() ?? []).map(({ id }) => ({ kind: 'account key' as const, id })),
    ]
  }

  shown(given: string, { kind, id }: Found): Shown {
    if (kind === 'key' || kind === 'account key') return this.#key(given, kind, id)
    const targets = kind === 'name' ? this.targetsOf(id) : []
    const certificateId =
      kind === 'certificate' ? id : (this.links.get(id) ?? targets.find(one => one.certificate)?.certificate)
    return this.#certificate({ given, kind }, certificateId, targets)
  }

  /** A file may be a copy of what is here, or have the key of it. */
  shownFiles(files: readonly ShownFile[]): Shown {
    this.opens()
    const parts = files.flatMap(file => file.parts)
    const leaf = leafOf(parts.filter(part => part.kind === 'certificate'))
    const same =
      leaf &&
      this.#certificates.find(({ facts }) => facts?.serial === leaf.facts.serial && facts.issuer === leaf.facts.issuer)
    const keys = parts.flatMap(part => ('key' in part ? [part.key.id] : []))
    return {
      ...this.#about(same),
      kind: 'files',
      files,
      belonging: this.#belonging(files),
      usedBy: leaf ? [] : this.#usersOf(keys),
    }
  }

  #key(given: string, kind: 'key' | 'account key', id: string): Shown {
    const files = [this.#stored(kind === 'key' ? keyPath(id) : accountPath(id))]
    const account = kind === 'account key' ? id : undefined
    return {
      given,
      kind,
      files,
      belonging: this.#belonging(files),
      live: [],
      account,
      usedBy: this.#usersOf([id]),
      targets: [],
    }
  }

  #usersOf(keyIds: readonly string[]): string[] {
    return this.#certificates.flatMap(({ id, facts, keyId }) =>
      keyIds.includes(facts?.keyId ?? keyId ?? '') ? [id] : [],
    )
  }

  #certificate(what: Pick<Shown, 'given' | 'kind'>, id: string | undefined, targets: readonly TargetStatus[]): Shown {
    const certificate = this.#certificates.find(one => one.id === id)
    const files = certificate ? this.#filesOf(certificate) : []
    const about = this.#about(certificate)
    const all = targets.length > 0 ? targets : about.targets
    return { ...what, ...about, files, belonging: this.#belonging(files), usedBy: [], targets: all }
  }

  #filesOf({ id, facts, keyId }: Certificate): ShownFile[] {
    const key = facts?.keyId ?? keyId
    const hasKey = key !== undefined && this.#state?.keyIds().has(key)
    return [
      ...(facts ? [this.#stored(certificatePath(id, 'fullchain'))] : []),
      ...(hasKey ? [this.#stored(keyPath(key))] : []),
    ]
  }

  #about(certificate: Certificate | undefined): Pick<Shown, 'certificate' | 'live' | 'account' | 'targets'> {
    const live = [...this.links].flatMap(([link, id]) => (id === certificate?.id ? [link] : []))
    const targets = this.#status.filter(target => certificate && target.certificate === certificate.id)
    return { certificate, live, account: certificate?.accountId, targets }
  }

  #stored(relative: string): ShownFile {
    const path = join(this.#state?.root ?? '', relative)
    try {
      return readFile(this.#world, path)
    } catch (error) {
      if (!(error instanceof Dns01Error)) throw error
      return { path, parts: [], problem: error.message.replace(`${path}: `, '') }
    }
  }

  #belonging(files: readonly ShownFile[]): Belonging[] {
    const parts = files.flatMap(file => file.parts)
    const problems = files.flatMap(({ path, problem }) =>
      problem === undefined ? [] : [{ state: 'failed' as const, text: `${path}: ${problem}` }],
    )
    const label = labels(parts)
    const inText = (part: Part): string => label(part).replace(/^.*\D$/, 'the $&')
    return [...problems, ...belonging(parts, inText, this.#world.clock.now())]
  }
}

/** `certificate 2`, where there are several of them. */
export function labels(parts: readonly Part[]): (part: Part) => string {
  return part => {
    const alike = parts.filter(({ kind }) => kind === part.kind)
    const what = part.kind === 'other' ? part.what : part.kind
    return alike.length === 1 || part.kind === 'other' ? what : `${what} ${alike.indexOf(part) + 1}`
  }
}

/** What node says in its own words, in ours. */
const UNREADABLE: Readonly<Record<string, readonly [why: string, hint?: string]>> = {
  ENOENT: ['there is no such file'],
  EACCES: ['you may not read it', 'run as the user that it belongs to'],
  EISDIR: ['it is a folder', 'give a file in it, or the name or the id of a certificate'],
  EFTYPE: ['it is not a file, but a FIFO, a socket or a device', 'dns01 show - reads standard input'],
}

/** Of the shell: standard input, and what `<(command)` stands for. There is a writer to wait for. */
const isPipe = (path: string): boolean => path === standardInput || path.startsWith('/dev/fd/')

function readFile({ files }: Pick<World, 'files'>, path: string): ShownFile {
  const name = path === standardInput ? 'standard input' : path
  try {
    const { sizeBytes = 0 } = files.info(path) ?? {}
    if (sizeBytes > longestFileBytes)
      throw new Dns01Error('CONFIG', `it has ${sizeBytes} bytes: too much for certificates and keys`)
    return { path: name, ...inspect(isPipe(path) ? files.read(path) : files.readPlain(path)) }
  } catch (cause) {
    if (cause instanceof Dns01Error)
      throw new Dns01Error(cause.code, `${name}: ${cause.message}`, { hint: cause.hint, cause })
    const [why = messageOf(cause), hint] = UNREADABLE[String((cause as { code?: unknown }).code)] ?? []
    throw new Dns01Error('CONFIG', `${name}: ${why}`, { hint, cause })
  }
}

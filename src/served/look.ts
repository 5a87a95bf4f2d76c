// One look at one place: what is said before TLS, a handshake as a client makes it, and, if somebody wants to know all of it,
// one short connection for each version and each kind of weak cipher. Nothing that is served is believed; what is to be thought
// of it is said in judge.ts.
import { Dns01Error } from '../core/errors.js'
import type { WhatToLook } from '../core/place.js'
import type { Handshake, Line, World } from '../core/world.js'
import { greet } from './dialogues.js'
import { type Choice, offer, VERSIONS, type Version, WEAK } from './hello.js'

/** Of one look in all, however many connections it makes: a person waits for it. Our own choice. */
const lookSeconds = 10

/** What came of a look. */
export interface Looked extends WhatToLook {
  /** Why nothing was seen; its text is for people. */
  readonly problem?: Dns01Error | undefined
  readonly handshake?: Handshake | undefined
  /** Which versions are taken; absent: nobody asked. Of a server that was too slow only those that are known. */
  readonly versions?: ReadonlyMap<Version, boolean>
  /** Of each kind that it takes. */
  readonly weak?: readonly string[]
  /** The time was over before all that was asked for could be looked at. */
  readonly cutShort?: boolean
}

type LookWorld = Pick<World, 'tls' | 'clock' | 'random'>

/** What a look needs besides the World. */
export interface LookOptions {
  /** Versions and ciphers, too: some more connections. */
  readonly thorough: boolean
  readonly signal: AbortSignal
}

/** Takes `lookSeconds` at most, and says in `problem` what went wrong. @throws the signal's reason, and bugs */
export async function look(world: LookWorld, what: WhatToLook, { thorough, signal }: LookOptions): Promise<Looked> {
  const deadline = world.clock.deadline(lookSeconds)
  const until = AbortSignal.any([signal, deadline])
  const connections = new Connections(world, what, until)
  let seen: Looked = what
  try {
    const handshake = await connections.with(line => line.shake(what.name))
    seen = { ...what, handshake }
    if (!thorough) return seen
    const versions = await connections.versions(found => {
      seen = { ...seen, versions: found }
    })
    return { ...seen, versions, weak: await connections.weak(versions) }
  } catch (error) {
    signal.throwIfAborted()
    if (deadline.aborted) return seen.handshake ? { ...seen, cutShort: true } : { ...what, problem: tooSlow() }
    if (!(error instanceof Dns01Error)) throw error
    return seen.handshake ? { ...seen, cutShort: true } : { ...what, problem: error }
  }
}

const tooSlow = (): Dns01Error => new Dns01Error('UNAVAILABLE', `no answer within ${lookSeconds} s`)

/** The connections of one look, each by itself up to where TLS begins. */
class Connections {
  readonly #world: LookWorld
  readonly #what: WhatToLook
  readonly #signal: AbortSignal

  constructor(world: LookWorld, what: WhatToLook, signal: AbortSignal) {
    this.#world = world
    this.#what = what
    this.#signal = signal
  }

  async with<T>(work: (line: Line) => Promise<T>): Promise<T> {
    const { host, port, dialogue } = this.#what.place
    const line = await this.#world.tls.connect(host, port, this.#signal)
    try {
      await greet(line, dialogue)
      return await work(line)
    } finally {
      line.close()
    }
  }

  /** One after the other: mail servers count connections at the same time. */
  async versions(soFar: (found: ReadonlyMap<Version, boolean>) => void): Promise<ReadonlyMap<Version, boolean>> {
    const found = new Map<Version, boolean>()
    for (const version of Object.keys(VERSIONS) as Version[]) {
      const choice = await this.#offer(version)
      found.set(version, choice?.version === VERSIONS[version])
      soFar(found)
    }
    return found
  }

  /** With the best version below 1.3, which has no weak ciphers. All kinds at once, and those that it takes no more. */
  async weak(versions: ReadonlyMap<Version, boolean>): Promise<readonly string[]> {
    const version = (['TLS 1.2', 'TLS 1.1', 'TLS 1.0'] as const).find(one => versions.get(one))
    if (version === undefined) return []
    const taken = new Set<string>()
    for (;;) {
      const left = Object.entries(WEAK).filter(([kind]) => !taken.has(kind))
      const ciphers = left.flatMap(([, suites]) => suites)
      const choice = ciphers.length === 0 ? undefined : await this.#offer(version, ciphers)
      const [kind] = left.find(([, suites]) => choice && suites.includes(choice.cipher)) ?? []
      if (kind === undefined) return Object.keys(WEAK).filter(one => taken.has(one))
      taken.add(kind)
    }
  }

  /** A connection that breaks is a no: some servers end it so. @throws the signal's reason */
  async #offer(version: Version, ciphers?: readonly number[]): Promise<Choice | undefined> {
    const random = this.#world.random(32)
    try {
      return await this.with(line => offer(line, { version, name: this.#what.name, ciphers, random }))
    } catch (error) {
      this.#signal.throwIfAborted()
      if (error instanceof Dns01Error) return undefined
      throw error
    }
  }
}

// One key's talk with one CA: the directory (RFC 8555 §7.1.1), signed requests, and all the repetitions. Above this
// file an answer is a success; below it, in transport.ts, any status is an answer. Repetitions are here and nowhere else in
// this folder, so that they cannot multiply. To repeat a signed request is safe: each has a nonce of its own, and what the
// CA has done already is recognized by order.ts, authorization.ts and account.ts.
import { Dns01Error, withDetails } from '../core/errors.js'
import { retry } from '../core/retry.js'
import { isDirectoryUrl } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { AccountKey, ExternalAccount } from './jws.js'
import { type Directory, noDirectory, type Objects, objectsOf } from './objects.js'
import { openPace, type Pace, type PaceMemory } from './pace.js'
import { isTemporaryStatus } from './problem.js'
import { type Answer, answerError, received } from './response.js'
import { openTransport } from './transport.js'

/** What a session may be told; all of it has a default. */
export interface SessionOptions {
  /** What earlier runs learnt of how long the CA takes; changed by this one. */
  readonly pace?: PaceMemory
  /** Default 10. Each request under way needs a nonce of its own, and Let's Encrypt allows an address 20 new ones a second. */
  readonly concurrentRequests?: number
  /** For one request with its repetitions, the wait for its turn apart. Default 300. */
  readonly giveUpAfterSeconds?: number
}

/** What a session uses of the outside. `log` for repetitions; `random` spreads the pauses. */
export type SessionWorld = Pick<World, 'fetch' | 'clock' | 'random' | 'log'>

/** One signed request, besides its URL and payload. */
export interface PostCall {
  /** What is tried, for messages: `newOrder`. */
  readonly what: string
  readonly signal: AbortSignal
  /** The account's URL; absent, the key itself goes along. */
  readonly keyId?: string
  /** It asks for an account (RFC 8555 §7.3). */
  readonly newAccount?: boolean
  /** To be bound to the account asked for (RFC 8555 §7.3.4). */
  readonly externalAccount?: ExternalAccount | undefined
  readonly accept?: string
  /** Of a problem that would pass by itself: whether it is told at once, since who asks knows another way. */
  readonly isFinal?: ((error: Dns01Error) => boolean) | undefined
}

/**
 * One key's talk with one CA: good answers only (2xx), what is temporary tried again, problems as Dns01Error: CONFIG when
 * the URL leads to no directory, REFUSED, UNAVAILABLE; or the signal's reason.
 */
export interface Session {
  readonly world: SessionWorld
  readonly objects: Objects
  readonly pace: Pace
  /** Fetched once. */
  directory(signal: AbortSignal): Promise<Directory>
  post(url: string, payload: object | null, call: PostCall): Promise<Answer>
}

/**
 * A CA that does not even give its directory is down, or does not exist. Nothing is under way that would be lost, so the run
 * ends soon, and the next one asks again. Any other request has the whole `giveUpAfterSeconds`.
 */
const directoryGiveUpSeconds = 30

/** Nothing is asked yet. @throws Dns01Error CONFIG when `directoryUrl` cannot be one, or the external account is incomplete */
export function openSession(
  world: SessionWorld,
  directoryUrl: string,
  key: AccountKey,
  options: SessionOptions = {},
): Session {
  const { concurrentRequests = 10, giveUpAfterSeconds = 300 } = options
  if (!isDirectoryUrl(directoryUrl)) throw noDirectory(`${JSON.stringify(directoryUrl)} is not an https URL`)
  const objects = objectsOf(directoryUrl)
  const newNonceUrl = async (signal: AbortSignal): Promise<string> => (await session.directory(signal)).newNonce
  const transport = openTransport(world, key, { newNonceUrl, concurrentRequests })
  let directory: Promise<Directory> | undefined

  const session: Session = {
    world,
    objects,
    pace: openPace(transport.roundTripSeconds, options.pace),
    // a promise is kept, so that requests that begin at once share one fetch; the signal is that of the first
    directory(signal) {
      directory ??= fetchDirectory(signal).catch(error => {
        directory = undefined // the next one asks again
        throw error
      })
      return directory
    },
    async post(url, payload, call) {
      // The URL may come from a file of an earlier run, and the file may have been edited: so it must be one that the CA
      // itself could have named (https, and no other characters than a URL has).
      objects.url(url, url, call.what)
      const limits = { what: call.what, giveUpAfterSeconds, signal: call.signal }
      const came = await ofTheCa(
        retry(world, limits, async left => {
          const answer = await transport.post(url, payload, { ...call, withinSeconds: left })
          if (answer.status >= 200 && answer.status < 300) return answer
          const error = answerError(answer, call.what, world.clock.now())
          // returned and not thrown: retry() would try again whatever is temporary, and this error is one that somebody asked for
          if (call.isFinal?.(error)) return error
          throw error
        }),
      )
      if (came instanceof Dns01Error) throw came
      return came
    },
  }
  return session

  function fetchDirectory(signal: AbortSignal): Promise<Directory> {
    const what = `the directory ${directoryUrl}`
    const limits = { giveUpAfterSeconds: Math.min(directoryGiveUpSeconds, giveUpAfterSeconds), signal }
    return ofTheCa(
      retry(world, { what, ...limits }, async left => {
        const answer = await transport.get(directoryUrl, signal, left)
        if (isTemporaryStatus(answer.status)) throw answerError(answer, what, world.clock.now())
        // 404, a redirection or a page of HTML: a wrong URL, which a later run will not find better
        if (answer.status !== 200 || answer.data === undefined) throw noDirectory(`${what}: ${received(answer)}`)
        return objects.directory(answer.data, directoryUrl)
      }),
    )
  }
}

/** What is only temporary here (no connection, 5xx, a limit) is the CA's, and not the DNS's or ours: another CA might do it. */
async function ofTheCa<T>(asking: Promise<T>): Promise<T> {
  try {
    return await asking
  } catch (error) {
    if (error instanceof Dns01Error && error.code === 'UNAVAILABLE') throw withDetails(error, { caFailed: true })
    throw error
  }
}

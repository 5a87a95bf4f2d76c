// Where the built-in server listens, and with whom it shares its addresses: other zones of this run, and `dns01 serve-dns`,
// which may hold port 53 already.
import {
  Dns01Error,
  type DnsAnswer,
  type DnsServer,
  groupBy,
  type Question,
  systemCodeOf,
  type TxtRecord,
  type World,
} from '../../src/provider/shipped.js'

export const everywhere = '0.0.0.0:53,[::]:53'

/** serve-dns looks at the journal this often at least; what has been there for longer and is not shown is not its business. */
const servedWithinSeconds = 3
const pauseSeconds = 0.05

type Answer = (question: Question) => DnsAnswer | undefined

/**
 * A server at these addresses. `everywhere` on a machine without IPv6 does without it: nobody asked for [::] but we.
 * @throws Dns01Error CONFIG: no right to the port (with what to type), or taken by another program
 */
export async function listenAt(world: World, listen: readonly string[], answer: Answer): Promise<DnsServer> {
  try {
    return await world.dns.serve(listen, answer, world.log)
  } catch (error) {
    const code = systemCodeOf(error)
    if (listen.join() === everywhere && (code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'))
      return listenAt(
        world,
        listen.filter(address => !address.startsWith('[')),
        answer,
      )
    if (code !== 'EACCES') throw error
    throw new Dns01Error('CONFIG', (error as Dns01Error).message, { hint: unprivileged, cause: error })
  }
}

/** One server and who answers there: settings of several zones may name the same addresses. */
interface Together {
  readonly answers: Set<Answer>
  readonly server: Promise<DnsServer>
}

/** The servers of all openings of this provider in a run, by their addresses: the first starts one, the last to leave stops it. */
export class SharedServers {
  readonly #world: World
  readonly #servers = new Map<string, Together>()

  constructor(world: World) {
    this.#world = world
  }

  /** As listenAt(), but whoever names the same addresses shares one server. */
  async listen(addresses: readonly string[], answer: Answer): Promise<DnsServer> {
    const key = addresses.join()
    const together = this.#servers.get(key) ?? begin(this.#world, addresses)
    this.#servers.set(key, together)
    together.answers.add(answer)
    try {
      const server = await together.server
      const close = async (): Promise<void> => {
        if (!together.answers.has(answer)) return
        this.#leave(key, together, answer)
        if (together.answers.size === 0) await server.close()
      }
      return { addresses: server.addresses, close }
    } catch (error) {
      this.#leave(key, together, answer)
      throw error
    }
  }

  #leave(key: string, together: Together, answer: Answer): void {
    together.answers.delete(answer)
    if (together.answers.size === 0) this.#servers.delete(key)
  }
}

function begin(world: World, listen: readonly string[]): Together {
  const answers = new Set<Answer>()
  const answer: Answer = question => {
    for (const each of answers) {
      const found = each(question)
      if (found) return found
    }
    return undefined
  }
  return { answers, server: listenAt(world, listen, answer) }
}

const unprivileged =
  'ports below 1024 need a right. Either: sudo setcap cap_net_bind_service=+ep "$(readlink -f "$(command -v node)")". ' +
  "Or set DNS01_BUILTIN_LISTEN=0.0.0.0:5353,[::]:5353 and, once: sudo nft 'add table inet dns01; " +
  'add chain inet dns01 pre { type nat hook prerouting priority dstnat; }; ' +
  "add rule inet dns01 pre meta l4proto { tcp, udp } th dport 53 redirect to :5353'"

export const isTaken = (error: unknown): boolean => systemCodeOf(error) === 'EADDRINUSE'

/** Where to ask ourselves: a wildcard address is heard on the loopback too. */
export const near = (address: string): string =>
  address === '::' ? '::1' : address.replace(/^0\.0\.0\.0(?=:|$)/, '127.0.0.1').replace('[::]', '[::1]')

/**
 * Whether who holds these addresses shows the records, as `dns01 serve-dns` does once they are in the journal: every
 * address that answers, one at least. It is given three seconds.
 */
export async function servedByAnother(
  world: Pick<World, 'dns' | 'clock'>,
  listen: readonly string[],
  records: readonly TxtRecord[],
  signal: AbortSignal,
): Promise<boolean> {
  const endsAt = world.clock.now().getTime() + servedWithinSeconds * 1000
  for (;;) {
    const seen = await Promise.all(listen.map(address => showsAll(world, near(address), records, signal)))
    if (seen.every(shows => shows !== false) && seen.includes(true)) return true
    if (!seen.some(shows => shows !== undefined) || world.clock.now().getTime() >= endsAt) return false
    await world.clock.sleep(pauseSeconds, signal)
  }
}

/** undefined: nobody answers there. */
async function showsAll(
  { dns }: Pick<World, 'dns'>,
  server: string,
  records: readonly TxtRecord[],
  signal: AbortSignal,
): Promise<boolean | undefined> {
  try {
    for (const [name, same] of groupBy(records, record => record.name)) {
      const where = { server, recursion: false, signal, timeoutSeconds: 1 }
      const { answers } = await dns.query({ name, type: 'TXT' }, where)
      if (!same.every(({ value }) => answers.some(answer => answer.data === value))) return false
    }
    return true
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}

// dns01 as its own name server: a zone that is delegated to this machine is answered from memory while records are up.
// Nobody else's API or credentials are needed, and a value is visible as soon as it is placed.
import {
  Dns01Error,
  type DnsAnswer,
  type DnsServer,
  defineProvider,
  type Name,
  openShared,
  type Provider,
  type Question,
  refused,
  type TxtRecord,
  unwritten,
  type World,
} from '../src/provider/shipped.js'
import { everywhere, isTaken, listenAt, near, SharedServers, servedByAnother } from './builtin/listening.js'
import { requiredRecords } from './builtin/required-records.js'
import { aliasFor, answerFrom, list, planOf, type Values, type ZonePlan, zoneOf } from './builtin/zones.js'

export default defineProvider({
  name: 'builtin',
  summary: 'dns01 answers itself, as the name server of a zone delegated to this machine, while records are up',
  settings: {
    zone: {
      env: ['DNS01_BUILTIN_ZONE'],
      required: true,
      help: 'zones delegated to this machine, comma-separated: acme.example.com, or _acme-challenge.host.example.com',
    },
    listen: {
      env: ['DNS01_BUILTIN_LISTEN'],
      default: everywhere,
      help: 'addresses to answer at, UDP and TCP, comma-separated; on a machine with several addresses name the public ones',
    },
    ns: { env: ['DNS01_BUILTIN_NS'], help: 'name of this server as in the delegation; ns.ZONE when not given' },
    addresses: {
      env: ['DNS01_BUILTIN_ADDRESSES'],
      help: 'public addresses of this server, comma-separated, for A and AAAA of its name if that lies in the zone',
    },
  },
  batch: true,
  additive: true,
  confirmsSync: true,
  ephemeral: true,
  testedWith: 'itself, asked by dig and fuzzed',
  open: (values, world, shared = openShared()) => {
    const servers = shared.once('servers', () => new SharedServers(world))
    return openBuiltin(world, servers, planOf(values), list(values.listen))
  },
  requiredRecords: (names, values, world, signal) => {
    const plan = planOf(values)
    const known = plan.addresses.length > 0 ? plan.addresses : list(values.listen).map(publicAddress)
    const addresses = known.filter(address => address !== undefined)
    return requiredRecords({ world, signal }, plan, addresses, names)
  },
  serve: (all, records, world) => {
    const plans = all.map(planOf)
    const listen = [...new Set(all.flatMap(values => list(values.listen)))]
    let seen: ReturnType<typeof records> | undefined
    let values = valuesOf([])
    const answer = (question: Question): DnsAnswer | undefined => {
      const plan = plans.find(each => zoneOf(each, question.name) !== undefined)
      const now = records()
      if (now !== seen) values = valuesOf(now)
      seen = now
      return plan && answerFrom(plan, values, question)
    }
    return listenAt(world, listen, answer)
  },
})

/** The address of a place to listen at, unless that is all addresses. */
const publicAddress = (listen: string): string | undefined => {
  const address = listen.match(/^\[(.*)\](?::\d+)?$/)?.[1] ?? listen.match(/^([^:]+)(?::\d+)?$/)?.[1] ?? listen
  return address === '0.0.0.0' || address === '::' ? undefined : address
}

function valuesOf(records: readonly Pick<TxtRecord, 'name' | 'value'>[]): Values {
  const values = new Map<Name, Set<string>>()
  for (const { name, value } of records) values.set(name, (values.get(name) ?? new Set()).add(value))
  return values
}

function openBuiltin(world: World, servers: SharedServers, plan: ZonePlan, listen: readonly string[]): Provider {
  const up = new Map<string, TxtRecord>()
  const keyOf = ({ name, value }: TxtRecord): string => `${name} ${value}`
  const answer = (question: Question): DnsAnswer | undefined => answerFrom(plan, valuesOf([...up.values()]), question)
  let server: DnsServer | undefined
  let turn = Promise.resolve()

  /** Where `dns01 serve-dns` has the port, it shows what the journal holds, and this process need not listen. */
  const start = async (records: readonly TxtRecord[], signal: AbortSignal): Promise<void> => {
    if (server) return
    try {
      server = await servers.listen(listen, answer)
    } catch (error) {
      if (!isTaken(error)) throw error
      if (!(await servedByAnother(world, listen, records, signal))) throw takenByAnother(error as Dns01Error)
      world.log.debug('builtin: dns01 serve-dns answers for us')
    }
  }
  const stop = async (): Promise<void> => {
    await server?.close()
    server = undefined
  }
  /** Brings the server in line with the records; one at a time. */
  const inTurn = (act: () => Promise<void>): Promise<void> => {
    const next = turn.then(act)
    turn = next.catch(() => {})
    return next
  }
  const remove = (records: readonly TxtRecord[]): void => {
    for (const record of records) up.delete(keyOf(record))
  }
  const stopIfDone = (): Promise<void> => inTurn(async () => (up.size === 0 ? stop() : undefined))
  return {
    present: async (records, { signal }) => {
      signal.throwIfAborted()
      for (const { name } of records) if (zoneOf(plan, name) === undefined) throw unwritten(outside(plan, name))
      for (const record of records) up.set(keyOf(record), record)
      await inTurn(() => start(records, signal)).catch(error => {
        remove(records)
        throw unwritten(error)
      })
    },
    cleanup: async records => {
      remove(records)
      await stopIfDone()
    },
    zoneFor: async name => {
      const zone = zoneOf(plan, name)
      return zone === undefined ? undefined : { zone, servers: [...new Set((server?.addresses ?? listen).map(near))] }
    },
    close: async () => {
      up.clear()
      await stopIfDone()
    },
  }
}

const takenByAnother = (error: Dns01Error): Dns01Error =>
  new Dns01Error('CONFIG', error.message, {
    hint:
      'another program listens there (ss -lnup says which): give DNS01_BUILTIN_LISTEN an address or port that is free. ' +
      'If it is dns01 serve-dns, it serves other zones or another state directory',
    cause: error,
  })

const outside = (plan: ZonePlan, name: Name): Dns01Error =>
  refused(
    `the built-in DNS server has no zone for ${name}, only ${plan.zones.join(', ')}`,
    `make ${name} a CNAME to ${aliasFor(name, plan)}, or add its zone to DNS01_BUILTIN_ZONE`,
  )

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import rfc2136 from '../../providers/rfc2136.js'
import type { Dns01Error } from '../../src/core/errors.js'
import { type Name, parseName } from '../../src/core/names.js'
import type { Dns } from '../../src/core/world.js'
import { realClock } from '../../src/platform/clock.js'
import { openDns } from '../../src/platform/dns.js'
import type { Provider, ProviderCall } from '../../src/provider/api.js'
import { listeningLog, providerContract, record, txtValue } from '../contract/provider-contract.js'
import { fakeWorld } from '../fakes/world.js'
import { startBind } from './servers/bind.js'
import { startKnot, type Updatable, type UpdatableOptions } from './servers/knot.js'
import { lacking, need } from './servers/need.js'
import { startPdns } from './servers/pdns.js'
import { freePort } from './servers/process.js'

const secret = randomBytes(32).toString('base64')
const key = { name: 'acme-key', algorithm: 'hmac-sha256', secret }
const zones = ['corp.test', 'example.test'] as const

async function startUpdatableBind(options: UpdatableOptions): Promise<Updatable> {
  const { name, ...its } = options.key
  const bind = await startBind({
    keys: { [name]: its },
    zones: Object.fromEntries(options.zones.map(apex => [apex, { allowUpdate: [name] }])),
  })
  return { server: bind.servers[0] ?? '', log: bind.log, stop: bind.stop }
}

/** PowerDNS answers every fault of a signature with a plain, unsigned REFUSED. */
const vague = /answered REFUSED .* of a wrong key, secret, algorithm or clock/

const SERVERS = [
  ['BIND', ['named'], startUpdatableBind, undefined],
  ['Knot', ['knotd'], startKnot, undefined],
  ['PowerDNS', ['pdns_server', 'pdnsutil', 'sqlite3'], startPdns, vague],
] as const

const dns = openDns()

/** `tamper` stands for whoever sits in between. */
function countedExchange(counts: { exchanges: number }, tamper: (answer: Buffer) => Buffer): Dns['exchange'] {
  return async (message, where) => {
    counts.exchanges++
    return tamper(Buffer.from(await dns.exchange(message, where)))
  }
}

interface Opened {
  readonly provider: Provider
  readonly counts: { exchanges: number }
}

interface Choices {
  readonly server: string
  readonly key?: Partial<typeof key>
  readonly unsigned?: boolean
  readonly clockOffSeconds?: number
  readonly tamper?: (answer: Buffer) => Buffer
}

async function open(choices: Choices): Promise<Opened> {
  const counts = { exchanges: 0 }
  let offMs = (choices.clockOffSeconds ?? 0) * 1000
  const sleep = async (seconds: number): Promise<void> => {
    offMs += seconds * 1000
  }
  const world = fakeWorld({
    clock: { ...realClock, now: () => new Date(Date.now() + offMs), sleep },
    random: (bytes: number) => randomBytes(bytes),
    dns: { exchange: countedExchange(counts, choices.tamper ?? (answer => answer)) },
  })
  const its = { ...key, ...choices.key }
  const values = {
    nameserver: choices.server,
    'tsig-file': undefined,
    'tsig-key': choices.unsigned ? undefined : its.name,
    'tsig-secret': choices.unsigned ? undefined : its.secret,
    'tsig-algorithm': its.algorithm,
    ttl: undefined,
  }
  return { provider: await rfc2136.open(values, world), counts }
}

async function ask(server: string, name: Name): Promise<string[]> {
  const resolver = new Resolver({ tries: 2, timeout: 3000 })
  resolver.setServers([server])
  return resolver.resolveTxt(name).then(
    answers => answers.map(strings => strings.join('')),
    error => {
      if (error.code === 'ENODATA' || error.code === 'ENOTFOUND') return []
      throw error
    },
  )
}

/** Somebody else's client: nsupdate. */
function nsupdate(server: string, line: string): Promise<void> {
  const script = `server ${server.replace(':', ' ')}\n${line}\nsend\n`
  return new Promise((resolve, reject) => {
    const argv = ['-y', `${key.algorithm}:${key.name}:${secret}`]
    const child = execFile(need('nsupdate'), argv, error => (error ? reject(error) : resolve()))
    child.stdin?.end(script)
  })
}

const call = (zone: string): ProviderCall => ({
  zone: parseName(zone),
  signal: AbortSignal.timeout(20_000),
  log: listeningLog([]),
})

describe.each(SERVERS)('rfc2136 with %s', (title, programs, start, always) => {
  describe.skipIf(lacking(...programs, 'nsupdate'))('', () => {
    let server: Updatable
    beforeAll(async () => {
      server = await start({ zones, key })
    })
    afterAll(async () => server?.stop())

    providerContract(`rfc2136 with ${title}`, async () => {
      const { provider, counts } = await open({ server: server.server })
      return {
        provider,
        zones,
        values: name => ask(server.server, name),
        put: (name, value) => nsupdate(server.server, `update add ${name}. 60 TXT "${value}"`),
        changes: () => counts.exchanges,
        refusing: async () => (await open({ server: server.server, key: { secret: 'd3Jvbmc=' } })).provider,
        failing: async () => (await open({ server: `127.0.0.1:${await freePort()}` })).provider,
        secrets: [secret, 'd3Jvbmc='],
      }
    })

    const name = parseName(`_acme-challenge.www.${zones[0]}`)
    const one = record(name, txtValue('one'), zones[0])
    /** Of a present() that must fail; nothing may stand there after it but where `placed` says so. */
    const failure = async (choices: Omit<Choices, 'server'>, placed = false): Promise<Dns01Error> => {
      const { provider } = await open({ server: server.server, ...choices })
      const error: Dns01Error = await provider.present([one], call(zones[0])).then(
        () => expect.unreachable('it should have failed'),
        cause => cause,
      )
      expect(await ask(server.server, name)).toEqual(placed ? [one.value] : [])
      if (placed) await nsupdate(server.server, `update delete ${name}. TXT`)
      return error
    }

    test('says that the server has no such key', async () => {
      const error = await failure({ key: { name: 'other-key' } })
      expect(error.code).toBe('REFUSED')
      expect(error.message).toMatch(always ?? /BADKEY: it has no TSIG key other-key with hmac-sha256/)
    })

    test('says that the secret is wrong', async () => {
      const error = await failure({ key: { secret: randomBytes(32).toString('base64') } })
      expect(error.message).toMatch(always ?? /BADSIG: the secret .* acme-key is wrong/)
    })

    test('says that the algorithm is wrong', async () => {
      const error = await failure({ key: { algorithm: 'hmac-sha512' } })
      expect(error.message).toMatch(
        always ?? /BADKEY: it has no TSIG key acme-key with hmac-sha512|BADSIG: the secret or algorithm/,
      )
    })

    test('says how far the clocks are apart', async () => {
      const error = await failure({ clockOffSeconds: 4000 })
      expect(error.message).toMatch(always ?? /BADTIME: its clock and ours \(.*\) are (3999|4000|4001) s apart/)
      if (!always) expect(error.hint).toContain('NTP')
    })

    test('says that an unsigned update is refused', async () => {
      expect(await failure({ unsigned: true })).toMatchObject({
        code: 'REFUSED',
        message: expect.stringMatching(/REFUSED|NOTAUTH/),
      })
    })

    test('says that the server is not authoritative for the zone', async () => {
      const { provider } = await open({ server: server.server })
      const elsewhere = record(parseName('_acme-challenge.www.elsewhere.test'), txtValue('x'), 'elsewhere.test')
      await expect(provider.present([elsewhere], call('elsewhere.test'))).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringMatching(/NOTAUTH|REFUSED/),
        hint: expect.stringContaining('RFC2136_NAMESERVER'),
      })
    })

    test('says that a name is outside of the zone', async () => {
      const { provider } = await open({ server: server.server })
      const outside = record(parseName('_acme-challenge.www.elsewhere.test'), txtValue('x'), zones[0])
      await expect(provider.present([outside], call(zones[0]))).rejects.toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('NOTZONE'),
      })
    })

    test('at a name that has a CNAME nothing is added, whatever the server says', async () => {
      const alias = parseName(`_acme-challenge.alias.${zones[0]}`)
      await nsupdate(server.server, `update add ${alias}. 60 CNAME elsewhere.test.`)
      const { provider } = await open({ server: server.server })
      const said = await provider.present([record(alias, one.value, zones[0])], call(zones[0])).catch(error => error)
      expect([undefined, 'REFUSED']).toContain(said?.code)
      expect(await ask(server.server, alias)).toEqual([])
    })

    test('an answer that somebody changed on the way is not believed', async () => {
      const tamper = (answer: Buffer): Buffer => {
        const changed = Buffer.from(answer)
        changed.writeUInt8(changed.readUInt8(3) ^ 0x10, 3)
        return changed
      }
      expect(await failure({ tamper }, true)).toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('wrong signature'),
      })
    })

    test('a "yes" without a signature is not believed', async () => {
      const tamper = (answer: Buffer): Buffer => Buffer.concat([answer.subarray(0, 4), Buffer.alloc(8)])
      expect(await failure({ tamper }, true)).toMatchObject({
        code: 'REFUSED',
        message: expect.stringContaining('not signed'),
      })
    })

    test('the "yes" to another request is not believed', async () => {
      let first: Buffer | undefined
      const tamper = (answer: Buffer): Buffer => {
        first ??= answer
        return first
      }
      const { provider } = await open({ server: server.server, tamper })
      await provider.present([one], call(zones[0]))
      await expect(provider.cleanup([one], call(zones[0]))).rejects.toMatchObject({
        message: expect.stringContaining('wrong signature'),
      })
      expect(await ask(server.server, name)).toEqual([])
    })

    test('400 records are one message, 1,000 are two', async () => {
      const { provider, counts } = await open({ server: server.server })
      const many = Array.from({ length: 1000 }, (_, i) =>
        record(parseName(`_acme-challenge.host${i}.${zones[0]}`), txtValue(`m${i}`), zones[0]),
      )
      await provider.present(many.slice(0, 400), call(zones[0]))
      expect(counts.exchanges).toBe(1)
      // 400 of these are there already
      await provider.present(many, call(zones[0]))
      expect(counts.exchanges).toBe(3)
      for (const i of [0, 399, 400, 999])
        expect(await ask(server.server, many[i]?.name as Name)).toEqual([many[i]?.value])
      await provider.cleanup(many, call(zones[0]))
      for (const i of [0, 399, 400, 999]) expect(await ask(server.server, many[i]?.name as Name)).toEqual([])
    })
  })
})

const ALGORITHMS = ['hmac-md5', 'hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'] as const

describe.skipIf(lacking('named'))('rfc2136 with every algorithm of BIND', () => {
  test.each(ALGORITHMS)('%s', async algorithm => {
    const server = await startUpdatableBind({ zones, key: { ...key, algorithm } })
    try {
      const { provider } = await open({ server: server.server, key: { algorithm } })
      const one = record(parseName(`_acme-challenge.${zones[0]}`), txtValue(algorithm), zones[0])
      await provider.present([one], call(zones[0]))
      expect(await ask(server.server, one.name)).toEqual([one.value])
    } finally {
      await server.stop()
    }
  })
})

import provider from '../../providers/route53.js'
import { Dns01Error } from '../../src/core/errors.js'
import { parseName } from '../../src/core/names.js'
import type { TxtRecord } from '../../src/core/txt-record.js'
import type { World } from '../../src/core/world.js'
import type { Provider, ProviderCall, Shared } from '../../src/provider/api.js'
import { listeningLog, record, txtValue } from '../contract/provider-contract.js'
import { fakeClock } from './clock.js'
import { FakeRoute53, type Options } from './route53.js'
import { type Internet, route53Dns } from './route53-dns.js'
import { signatureCheck } from './route53-server.js'
import { fakeWorld } from './world.js'

export const accessKeyId = 'AKIAIOSFODNN7EXAMPLE'
export const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'
export const keys = { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey, region: 'us-east-1' }

/** A world whose only outside is the double; for providers of openRoute53(). Other hosts are answered by `others`. */
export function route53World(
  options: Omit<Options, 'now'> = {},
  internet: Internet = {},
  others?: (url: URL, body: string) => { status: number; body: string },
) {
  const clock = fakeClock(undefined, { patient: true }) // real time passes while a part of the SDK is loaded
  const said: string[] = []
  const route53 = new FakeRoute53({
    checkSignature: signatureCheck({ [accessKeyId]: secretAccessKey }),
    ...options,
    now: () => clock.now().getTime(),
  })
  const dns = route53Dns(route53, internet)
  const world = fakeWorld({
    log: listeningLog(said),
    random: (bytes: number) => new Uint8Array(bytes).fill(128),
    dns: { query: dns.query, systemResolvers: dns.systemResolvers },
    fetch: async (url: URL, { method, headers = {}, body = '' }: Parameters<World['fetch']>[1]) => {
      const text = Buffer.from(body).toString('utf8')
      const answer =
        url.hostname === 'route53.amazonaws.com'
          ? route53.handle({ method, url: `${url.pathname}${url.search}`, headers, body: text })
          : (others?.(url, text) ?? { status: 404, body: '' })
      if (answer === 'reset') throw new Dns01Error('UNAVAILABLE', `${url.origin} cannot be reached: read ECONNRESET`)
      return { status: answer.status, headers: { 'content-type': 'text/xml' }, body: Buffer.from(answer.body) }
    },
  })
  return { world: { ...world, clock }, route53, clock, said }
}

/** With each of its calls time goes on, in that world. */
export async function openRoute53(
  world: ReturnType<typeof route53World>['world'],
  values: Readonly<Record<string, string>> = keys,
  shared?: Shared,
): Promise<Provider> {
  return world.clock.along(await provider.open(values as never, world, shared))
}

export const callFor = (world: World, zone: string, signal = new AbortController().signal): ProviderCall => ({
  zone: parseName(zone),
  signal,
  log: world.log,
})

/** One record for each host: `_acme-challenge.HOST`. */
export const recordsFor = (zone: string, hosts: readonly string[], seed = ''): TxtRecord[] =>
  hosts.map(host => record(parseName(`_acme-challenge.${host}`), txtValue(`${seed}${host}`), zone))

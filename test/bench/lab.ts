import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Bind, startBind } from '../real/servers/bind.js'
import { type Netns, withNetns } from '../real/servers/netns.js'
import { type Pebble, startPebble } from '../real/servers/pebble.js'
import { temporaryFolder } from '../real/servers/process.js'
import { type Measured, measure } from './measure.js'
import type { Sample } from './race.js'

export const zone = 'bench.test'
export const primary = '127.0.0.2'
export const secondary = '127.0.0.3'
/**
 * After each run the servers come to rest, as they are when cron runs: their logs come by pipes, and the NOTIFY for what a
 * run removed would make the secondary fetch the next run's record early for one client and late for another. Without it
 * uacme takes 0.7 s in one run and 1.7 in the next, as the first look of its hook comes in time or not, and dns01 between
 * 0 and 0.4 s more, as long as the secondary lags.
 */
const restMs = 1500

export const tsig = { name: 'bench', algorithm: 'hmac-sha256', secret: 'c2VjcmV0IG9mIHRoZSBiZW5jaG1hcms=' } as const

/** A network of its own with a CA and two name servers of one zone, the same for everybody who is measured. */
export interface Lab {
  readonly directoryUrl: string
  readonly netns: string
  readonly pebble: Pebble
  readonly bind: Bind
  /** A new, empty folder. */
  folder(): string
  /** Key file for nsupdate and for uacme's hook. */
  readonly keyFile: string
  /** One program's run inside. @throws when it fails */
  run(argv: readonly string[], env?: Readonly<Record<string, string>>): Promise<Measured>
  /** What it cost the servers: requests that Pebble has logged, updates that BIND has taken. */
  counted(work: () => Promise<Measured>): Promise<Sample>
}

/** Everybody trusts the same: the machine's CAs and, after them, the one of this Pebble, as an admin would add it. */
export function trust(netns: string, caFile: string): void {
  const folder = `/etc/netns/${netns}/ssl` // `ip netns exec` mounts it over /etc/ssl
  const bundle = '/etc/ssl/certs/ca-certificates.crt'
  mkdirSync(join(folder, 'certs'), { recursive: true })
  if (existsSync('/etc/ssl/openssl.cnf')) copyFileSync('/etc/ssl/openssl.cnf', join(folder, 'openssl.cnf'))
  const known = existsSync(bundle) ? readFileSync(bundle, 'utf8') : ''
  writeFileSync(join(folder, 'certs/ca-certificates.crt'), known + readFileSync(caFile, 'utf8'))
}

/** `lagging`: the secondary's address is left to somebody else. */
export function withLab<T>(work: (lab: Lab) => Promise<T>, options: { readonly lagging?: boolean } = {}): Promise<T> {
  return withNetns({ resolvers: [primary], addresses: [primary, secondary] }, async netns => {
    const folder = temporaryFolder('bench')
    const servers = { bind: undefined as Bind | undefined, pebble: undefined as Pebble | undefined }
    try {
      servers.bind = await startBind({
        zones: {
          [zone]: options.lagging ? { file: zoneOfTwo, allowUpdate: [tsig.name] } : { allowUpdate: [tsig.name] },
        },
        keys: { [tsig.name]: tsig },
        addresses: [primary],
        secondaries: options.lagging ? [] : [secondary],
        recursion: true,
        netns: netns.name,
      })
      servers.pebble = await startPebble({
        systems: true,
        dnsServer: `${primary}:53`,
        nonceReject: 0,
        authzReuse: 0,
        netns: netns.name,
      })
      trust(netns.name, servers.pebble.caFile)
      return await work(openLab(netns, servers.bind, servers.pebble, folder.path))
    } finally {
      await servers.pebble?.stop()
      await servers.bind?.stop()
      folder.remove()
    }
  })
}

const zoneOfTwo = `$ORIGIN ${zone}.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 5
@ NS ns1
@ NS ns2
ns1 A ${primary}
ns2 A ${secondary}
`

function openLab(netns: Netns, bind: Bind, pebble: Pebble, place: string): Lab {
  const keyFile = join(place, 'tsig.key')
  writeFileSync(keyFile, `key "${tsig.name}" { algorithm ${tsig.algorithm}; secret "${tsig.secret}"; };\n`, {
    mode: 0o600,
  })
  let folders = 0
  const run: Lab['run'] = (argv, env = {}) => measure(argv, { env, netns: netns.name })
  const counts = () => ({ requests: pebble.requests().length, updates: updatesOf(bind) })
  return {
    directoryUrl: pebble.directoryUrl,
    netns: netns.name,
    pebble,
    bind,
    keyFile,
    run,
    folder: () => {
      const path = join(place, `${++folders}`)
      mkdirSync(path)
      return path
    },
    counted: async work => {
      const before = counts()
      const { stdout: _, ...measured } = await work()
      await sleep(restMs)
      const after = counts()
      return {
        ...measured,
        requests: after.requests - before.requests,
        updates: after.updates - before.updates,
      }
    },
  }
}

/** UPDATE messages: BIND logs one line for each that is signed and allowed. */
const updatesOf = (bind: Bind): number => bind.log().match(/ signer "[^"]*" approved/g)?.length ?? 0

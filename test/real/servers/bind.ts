import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { need } from './need.js'
import { addAddress } from './netns.js'
import { freePort, type RunningServer, startServer, temporaryFolder, untilPortsAreFree } from './process.js'

export interface BindKey {
  readonly algorithm: string
  /** base64 */
  readonly secret: string
}

export interface BindZone {
  /** Lines of a zone file below SOA and apex NS (ns1, then ns2… for the secondaries), which are made: `www 60 A 192.0.2.1`. */
  readonly records?: string
  /** The whole zone file instead. */
  readonly file?: string
  /** Names of TSIG keys, or addresses, which may update it (RFC 2136). */
  readonly allowUpdate?: readonly string[]
  /** More text inside the zone's block of the primary's named.conf: `update-policy { … };` */
  readonly settings?: string
}

export interface BindOptions {
  /** Apex without final dot ('.' is the root) → zone. */
  readonly zones: Readonly<Record<string, BindZone>>
  /** Name of a TSIG key → key. */
  readonly keys?: Readonly<Record<string, BindKey>>
  /** Of the primary; default 127.0.0.1. BIND listens only at addresses that an interface has: in a namespace they are
   *  added to `lo`, outside only 127.0.0.1 is sure to be one. */
  readonly addresses?: readonly string[]
  /** The addresses of one secondary each, told of every change by NOTIFY. One at the primary's own address gets another port. */
  readonly secondaries?: readonly string[]
  /** Default: a free one outside, 53 inside a namespace. */
  readonly port?: number
  /** The primary also answers for other names, recursively, from the zones it has. Default false. */
  readonly recursion?: boolean
  /** The secondaries look for changes themselves only after this time, and are not told: they lag. */
  readonly lagSeconds?: number
  readonly netns?: string | undefined
  /** More text for the primary's `options` block. */
  readonly options?: string
}

export interface Bind {
  readonly port: number
  /** `127.0.0.1:5300`, the primary's first; then one of each secondary. */
  readonly servers: readonly string[]
  /** The primary's lines about queries and updates so far: `www.example.com IN A`, `_acme-challenge.x adding an RR … TXT`. */
  queries(): string[]
  updates(): string[]
  /** Of the primary, or of the n-th secondary (1, 2 …). */
  log(secondary?: number): string
  /** Stops one secondary (1, 2 …) and leaves the others. */
  stopSecondary(secondary: number): Promise<void>
  stop(): Promise<void>
}

/** Starts BIND as primary, then its secondaries; resolves when all answer and the secondaries have their zones. */
export const startBind = (options: BindOptions): Promise<Bind> => untilPortsAreFree(() => start(options))

async function start(options: BindOptions): Promise<Bind> {
  const program = need('named')
  const port = options.port ?? (options.netns === undefined ? await freePort() : 53)
  const { addresses = ['127.0.0.1'], netns } = options
  const secondaries: Secondary[] = []
  for (const address of options.secondaries ?? []) {
    secondaries.push({ address, port: addresses.includes(address) ? await freePort() : port })
  }
  for (const address of netns === undefined ? [] : [...addresses, ...secondaries.map(each => each.address)]) {
    if (!/^(127\.0\.0\.1|::1)$/.test(address)) await addAddress(netns ?? '', address)
  }
  const folder = temporaryFolder('bind')
  const running: RunningServer[] = []
  const stop = async () => {
    await Promise.all(running.map(server => server.stop()))
    folder.remove()
  }
  const startNamed = async (name: string, config: (folder: string) => string, ready: RegExp) => {
    const own = join(folder.path, name)
    mkdirSync(own)
    writeFileSync(join(own, 'named.conf'), config(own))
    // One thread each: small tests, and BIND else takes memory for every core.
    const argv = [program, '-g', '-n', '1', '-c', join(own, 'named.conf')]
    const server = await startServer(argv, { ready, cwd: own, netns: options.netns })
    running.push(server)
    return server
  }
  try {
    const primary = await startNamed(
      'primary',
      own => primaryConfig(options, own, port, secondaries),
      /\] running$| running$/m,
    )
    for (const [index, secondary] of secondaries.entries()) {
      const config = (own: string) => secondaryConfig(options, own, port, secondary)
      const server = await startNamed(`secondary${index + 1}`, config, / running$/m)
      for (const apex of Object.keys(options.zones)) {
        await server.waitFor(new RegExp(`zone ${fileName(apex)}/IN: transferred serial`))
      }
    }
    const lines = (pattern: RegExp) => [...primary.log().matchAll(pattern)].map(([, text]) => `${text}`)
    return {
      port,
      servers: [{ address: addresses[0] ?? '', port }, ...secondaries].map(withPort),
      queries: () => lines(/ query: (\S+ IN \S+)/g),
      updates: () => lines(/ updating zone '[^']*': (.*)/g),
      log: secondary => running[secondary ?? 0]?.log() ?? '',
      stopSecondary: async secondary => running[secondary]?.stop(),
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Secondary {
  readonly address: string
  readonly port: number
}

const withPort = ({ address, port }: Secondary): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`

/** As BIND's log writes the apex, too. */
const fileName = (apex: string): string => (apex === '.' ? '.' : apex.replace(/\.$/, ''))

function primaryConfig(options: BindOptions, folder: string, port: number, all: readonly Secondary[]): string {
  const secondaries = options.lagSeconds === undefined ? all : []
  const keys = Object.entries(options.keys ?? {})
  const zones = Object.entries(options.zones).map(([apex, zone], index) => {
    const file = join(folder, `${index}.zone`)
    writeFileSync(file, zone.file ?? zoneFile(apex, zone.records ?? '', options))
    const updaters = zone.allowUpdate?.map(who => (keys.some(([name]) => name === who) ? `key "${who}"` : who))
    return `zone "${apex}" { type primary; file "${file}"; ${updaters ? `allow-update { ${updaters.join('; ')}; };` : ''} ${zone.settings ?? ''} };\n`
  })
  return [
    ...keys.map(([name, key]) => `key "${name}" { algorithm ${key.algorithm}; secret "${key.secret}"; };\n`),
    commonOptions(folder, port, options.addresses ?? ['127.0.0.1'], [
      `recursion ${options.recursion ? 'yes; allow-recursion { any; }' : 'no'};`,
      'allow-transfer { any; }; querylog yes;',
      secondaries.length > 0
        ? `notify explicit; notify-delay 0; also-notify { ${secondaries.map(each => `${each.address} port ${each.port};`).join(' ')} };`
        : 'notify no;',
      options.options ?? '',
    ]),
    ...zones,
  ].join('')
}

function secondaryConfig(options: BindOptions, folder: string, port: number, secondary: Secondary): string {
  const primary = (options.addresses ?? ['127.0.0.1'])[0]
  const zones = Object.keys(options.zones).map(
    (apex, index) =>
      `zone "${apex}" { type secondary; file "${join(folder, `${index}.zone`)}"; primaries { ${primary} port ${port}; }; };\n`,
  )
  const lag = options.lagSeconds
  const refresh = lag === undefined ? '' : `min-refresh-time ${lag}; max-refresh-time ${lag};`
  return (
    commonOptions(folder, secondary.port, [secondary.address], [`recursion no; notify no; ${refresh}`]) + zones.join('')
  )
}

function commonOptions(folder: string, port: number, addresses: readonly string[], more: readonly string[]): string {
  const listen = (v6: boolean) =>
    addresses.filter(address => address.includes(':') === v6).map(address => `${address};`)
  const [v4, v6] = [listen(false), listen(true)]
  return `controls {};
options {
  directory "${folder}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port ${port} { ${v4.length > 0 ? v4.join(' ') : 'none;'} };
  listen-on-v6 port ${port} { ${v6.length > 0 ? v6.join(' ') : 'none;'} };
  ${v4.length > 0 ? `notify-source ${addresses[0]}; transfer-source ${addresses[0]};` : ''}
  tcp-listen-queue 1000; // Pebble 2.10 makes three connections at once for each name; a SYN that is lost costs a second
  dnssec-validation no; empty-zones-enable no; auth-nxdomain no;
  ${more.join('\n  ')}
};
`
}

/** Serial 1, TTL 60; ns1 is the primary, ns2 … the secondaries, each with its address. */
function zoneFile(apex: string, records: string, options: BindOptions): string {
  const servers = [(options.addresses ?? ['127.0.0.1'])[0] ?? '', ...(options.secondaries ?? [])]
  return `$ORIGIN ${apex.replace(/\.?$/, '.')}
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 5
${servers.map((address, index) => `@ NS ns${index + 1}\nns${index + 1} ${address.includes(':') ? 'AAAA' : 'A'} ${address}\n`).join('')}${records}
`
}

import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Bind, type BindOptions, startBind } from './bind.js'
import { type Dns01Options, type RunningDns01, startDns01 } from './dns01.js'
import { withNetns } from './netns.js'
import { type Pebble, type PebbleOptions, startPebble } from './pebble.js'
import { temporaryFolder } from './process.js'
import { prepareState } from './state.js'

/** A network of its own with BIND at port 53 (zone corp.test), a Pebble that asks it, and a state directory for both. */
export interface Domain {
  readonly bind: Bind
  readonly pebble: Pebble
  readonly state: string
  /** Name of the network namespace. */
  readonly netns: string
  /** What start() gives to dns01. */
  readonly env: Readonly<Record<string, string>>
  /** dns01 with the provider rfc2136. */
  start(args: readonly string[], options?: Pick<Dns01Options, 'env' | 'timeoutSeconds'>): RunningDns01
  /** A target for one name, as a file of desired/. */
  want(name: string): void
  /** What a person does by hand, as a line of nsupdate: `update add www.corp.test. 60 CNAME x.test.` */
  update(line: string): Promise<void>
  /** TXT records that the primary has: `NAME VALUE`. */
  txt(): Promise<string[]>
  /** TXT values at a name, a line each. */
  dig(name: string): Promise<string>
  /** Serial numbers of the certificates that the CA has signed. */
  signed(): string[]
}

export function inDomain(
  options: { readonly bind?: Partial<BindOptions>; readonly pebble?: PebbleOptions },
  work: (domain: Domain) => Promise<void>,
): Promise<void> {
  return withNetns({}, async ({ name: netns, exec }) => {
    const secret = randomBytes(32).toString('base64')
    const folder = temporaryFolder('domain')
    const state = join(folder.path, 'state')
    const hooks = join(folder.path, 'hooks')
    for (const path of [state, hooks]) mkdirSync(path, { mode: 0o755 })
    const bind = await startBind({
      netns,
      keys: { 'acme-key': { algorithm: 'hmac-sha256', secret } },
      zones: { 'corp.test': { allowUpdate: ['acme-key'] } },
      recursion: true,
      ...options.bind,
    })
    const pebble = await startPebble({ netns, dnsServer: '127.0.0.1:53', ...options.pebble })
    prepareState(state, pebble.directoryUrl)
    mkdirSync(join(state, 'desired'), { mode: 0o755 })
    const env = {
      ACME_STATE_DIR: state,
      ACME_HOOKS_DIR: hooks,
      SSL_CERT_FILE: pebble.caFile,
      DNS01_PROVIDER: 'rfc2136',
      RFC2136_NAMESERVER: '127.0.0.1',
      RFC2136_TSIG_KEY: 'acme-key',
      RFC2136_TSIG_SECRET: secret,
    }
    try {
      await work({
        bind,
        pebble,
        state,
        netns,
        env,
        start: (args, more = {}) => startDns01(args, { ...more, netns, env: { ...env, ...more.env } }),
        want: name => writeFileSync(join(state, 'desired', name), `satisfy:\n  names: [${name}]\n`),
        update: async line => {
          const script = `server 127.0.0.1\n${line}\nsend\n`
          await exec(['sh', '-c', `printf %s "$1" | nsupdate -y "$2"`, '-', script, `hmac-sha256:acme-key:${secret}`])
        },
        txt: async () => {
          const rows = await exec(['dig', '@127.0.0.1', 'corp.test', 'AXFR', '+noall', '+answer'])
          if (!/\sSOA\s/.test(rows)) throw new Error(`no zone transfer: ${rows}`)
          return rows.split('\n').filter(row => /\sTXT\s/.test(row))
        },
        dig: name => exec(['dig', '@127.0.0.1', '+short', 'TXT', name]),
        signed: () => [...pebble.log().matchAll(/Issued certificate serial (\w+)/g)].map(([, serial]) => `${serial}`),
      })
    } finally {
      await pebble.stop()
      await bind.stop()
      folder.remove()
    }
  })
}

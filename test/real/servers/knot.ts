import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { need } from './need.js'
import { freePort, startServer, temporaryFolder, untilPortsAreFree } from './process.js'

/** A server with zones that one TSIG key may update. */
export interface UpdatableOptions {
  /** Apexes without final dot; each has an SOA (primary ns1.APEX) and ns1.APEX at 127.0.0.1. */
  readonly zones: readonly string[]
  /** The key that may update; `secret` in base64. */
  readonly key: { readonly name: string; readonly algorithm: string; readonly secret: string }
}

export interface Updatable {
  /** `127.0.0.1:PORT`, UDP and TCP. */
  readonly server: string
  log(): string
  stop(): Promise<void>
}

export const smallZone = (apex: string): string =>
  `$ORIGIN ${apex}.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\nns1 A 127.0.0.1\n`

/** Starts Knot DNS; resolves when it answers. */
export const startKnot = (options: UpdatableOptions): Promise<Updatable> => untilPortsAreFree(() => start(options))

async function start({ zones, key }: UpdatableOptions): Promise<Updatable> {
  const program = need('knotd')
  const port = await freePort()
  const folder = temporaryFolder('knot')
  for (const apex of zones) writeFileSync(join(folder.path, `${apex}.zone`), smallZone(apex))
  const config = join(folder.path, 'knot.conf')
  writeFileSync(
    config,
    `server:
    listen: 127.0.0.1@${port}
    rundir: ${folder.path}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: ${folder.path}
key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: ${key.secret}
acl:
  - id: updates
    key: ${key.name}
    action: update
template:
  - id: default
    storage: ${folder.path}
    acl: updates
zone:
${zones.map(apex => `  - domain: ${apex}\n    file: ${apex}.zone\n`).join('')}`,
  )
  const running = await startServer([program, '-c', config], { ready: /server started/, cwd: folder.path })
  const stop = async (): Promise<void> => {
    await running.stop()
    folder.remove()
  }
  try {
    for (const apex of zones) await running.waitFor(new RegExp(`\\[${apex}\\.\\] loaded`))
  } catch (error) {
    await stop()
    throw error
  }
  return { server: `127.0.0.1:${port}`, log: running.log, stop }
}

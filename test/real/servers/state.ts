import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dns01Program } from './dns01.js'
import { type Pebble, type PebbleOptions, startPebble } from './pebble.js'
import { freePort, temporaryFolder } from './process.js'

/** A machine for one try: a state directory that knows its CA, a Pebble, and the port at which the provider `builtin` answers Pebble. */
export interface Lab {
  readonly pebble: Pebble
  readonly state: string
  /** For the child: state directory, provider, trust, and `dns01` on PATH. */
  readonly env: Readonly<Record<string, string>>
  stop(): Promise<void>
}

/** The zone that the provider `builtin` serves there. */
const labZone = 'corp.example'

/** conf/target and conf/responses: use this CA, accept its terms, no e-mail address. */
export function prepareState(state: string, directoryUrl: string): void {
  mkdirSync(join(state, 'conf'), { recursive: true, mode: 0o755 })
  writeFileSync(join(state, 'conf/target'), `request:\n  provider: ${directoryUrl}\n  key:\n    type: ecdsa\n`)
  const terms = 'data:text/plain,Do%20what%20thou%20wilt' // Pebble's, RFC 8555 §7.1.1 termsOfService
  writeFileSync(join(state, 'conf/responses'), `"acme-enter-email": ""\n"acme-agreement:${terms}": true\n`)
}

export async function startLab(options: PebbleOptions = {}): Promise<Lab> {
  const folder = temporaryFolder('lab')
  const inside = (name: string) => join(folder.path, name)
  for (const name of ['bin', 'hooks', 'state']) mkdirSync(inside(name), { mode: 0o755 })
  symlinkSync(dns01Program, inside('bin/dns01'))
  const listen = `127.0.0.1:${await freePort()}`
  try {
    const pebble = await startPebble({ dnsServer: listen, ...options })
    prepareState(inside('state'), pebble.directoryUrl)
    return {
      pebble,
      state: inside('state'),
      env: {
        PATH: `${inside('bin')}:${process.env.PATH}`,
        ACME_STATE_DIR: inside('state'),
        ACME_HOOKS_DIR: inside('hooks'),
        SSL_CERT_FILE: pebble.caFile,
        DNS01_PROVIDER: 'builtin',
        DNS01_BUILTIN_ZONE: labZone,
        DNS01_BUILTIN_LISTEN: listen,
        PEBBLE: pebble.directoryUrl,
      },
      stop: async () => {
        await pebble.stop()
        folder.remove()
      },
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}

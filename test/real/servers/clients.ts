import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dns01Result, startProgram } from './dns01.js'
import type { Pebble } from './pebble.js'
import { prepareState } from './state.js'

/** What a client of others is given: a new folder of its own, where to get certificates, and the environment of its hooks. */
export interface ClientCall {
  readonly folder: string
  readonly names: readonly string[]
  readonly pebble: Pick<Pebble, 'directoryUrl' | 'caFile'>
  readonly env: Readonly<Record<string, string>>
  readonly netns: string
}

export interface Client {
  /** Programs it needs. */
  readonly programs: readonly string[]
  /** It cannot read all that the newest Pebble says, and is given the system's. */
  readonly oldPebble?: boolean
  /** Gets one certificate for all names with hooks of ours; resolves to its PEM. Rejects with all that the client said. */
  certificate(call: ClientCall): Promise<string>
}

const hooks = join(import.meta.dirname, '../../../hooks')
export const hook = (name: string): string => join(hooks, name)

async function run(argv: readonly string[], { netns, env, folder }: ClientCall, more = {}): Promise<void> {
  const own = { HOME: folder, XDG_STATE_HOME: folder, ...env, ...more }
  const result: Dns01Result = await startProgram(argv, { netns, cwd: folder, env: own, timeoutSeconds: 100 }).result
  if (result.exit !== 0)
    throw new Error(`${argv.join(' ')}: exit status ${result.exit}\n${result.stdout}${result.stderr}`)
}

const pem = ({ folder }: ClientCall, path: string): string => readFileSync(join(folder, path), 'utf8')

const withD = (names: readonly string[]): string[] => names.flatMap(name => ['-d', name])

const certbot: Client = {
  programs: ['certbot'],
  certificate: async call => {
    const places = ['--config-dir', '--work-dir', '--logs-dir'].flatMap(flag => [flag, join(call.folder, 'certbot')])
    const quiet = ['--non-interactive', '--agree-tos', '--register-unsafely-without-email']
    const manual = ['--manual', '--preferred-challenges', 'dns', '--manual-auth-hook', hook('certbot-auth')]
    const argv = ['certbot', 'certonly', ...quiet, ...manual, '--manual-cleanup-hook', hook('certbot-cleanup')]
    const which = ['--server', call.pebble.directoryUrl, '--cert-name', 'it', ...withD(call.names)]
    await run([...argv, ...places, ...which], call, { REQUESTS_CA_BUNDLE: call.pebble.caFile })
    return pem(call, 'certbot/live/it/cert.pem')
  },
}

const dehydrated = (chain: 'yes' | 'no'): Client => ({
  programs: ['dehydrated', 'openssl', 'curl'],
  certificate: async call => {
    const { folder, names, pebble } = call
    const own = { CA: pebble.directoryUrl, BASEDIR: folder, CURL_OPTS: `"--cacert ${pebble.caFile}"` }
    const config = {
      ...own,
      CHALLENGETYPE: 'dns-01',
      HOOK: hook('dehydrated'),
      HOOK_CHAIN: chain,
      KEYSIZE: '2048',
      KEY_ALGO: 'prime256v1',
    }
    writeFileSync(
      join(folder, 'config'),
      Object.entries(config)
        .map(pair => `${pair.join('=')}\n`)
        .join(''),
    )
    writeFileSync(join(folder, 'domains.txt'), `${names.join(' ')} > it\n`)
    await run(['dehydrated', '-f', 'config', '--register', '--accept-terms'], call)
    await run(['dehydrated', '-f', 'config', '-c'], call)
    return pem(call, 'certs/it/cert.pem')
  },
})

const lego = (mode: 'DEFAULT' | 'RAW'): Client => ({
  programs: ['lego'],
  certificate: async call => {
    const { folder, names, pebble } = call
    const account = ['--server', pebble.directoryUrl, '--email', 'a@example.test', '--accept-tos', '--path', folder]
    await run(['lego', ...account, '--dns', 'exec', ...withD(names), 'run'], call, {
      LEGO_CA_CERTIFICATES: pebble.caFile,
      EXEC_PATH: hook('lego'),
      EXEC_MODE: mode,
      EXEC_POLLING_INTERVAL: '1',
      EXEC_SEQUENCE_INTERVAL: '0',
    })
    return pem(call, `certificates/${names[0]?.replace('*', '_')}.crt`)
  },
})

/** Makes Pebble's CA the only one that the machine trusts inside the namespace: uacme's libcurl can be told of no other. */
export function trustInside(netns: string, caFile: string): void {
  const folder = `/etc/netns/${netns}/ssl`
  mkdirSync(join(folder, 'certs'), { recursive: true })
  copyFileSync(caFile, join(folder, 'certs/ca-certificates.crt'))
  copyFileSync('/etc/ssl/openssl.cnf', join(folder, 'openssl.cnf'))
}

/** Trusts what the machine trusts: see trustInside(). 1.7.4 ends at a challenge without a token (dns-persist-01). */
const uacme: Client = {
  programs: ['uacme'],
  oldPebble: true,
  certificate: async call => {
    const { folder, names, pebble } = call
    const uacme = ['uacme', '-v', '-a', pebble.directoryUrl, '-c', folder, '-t', 'EC']
    await run([...uacme, '-y', 'new'], call)
    await run([...uacme, '-h', hook('uacme'), 'issue', ...names], call)
    return pem(call, `${names[0]}/cert.pem`)
  },
}

/** acmetool runs every executable of its hooks folder; a link may have any name. */
const acmetool = (linked: string): Client => ({
  programs: ['acmetool'],
  certificate: async call => {
    const { folder, names, pebble } = call
    const state = join(folder, 'state')
    prepareState(state, pebble.directoryUrl)
    for (const path of ['hooks', 'state/desired']) mkdirSync(join(folder, path))
    symlinkSync(hook(linked), join(folder, 'hooks/50-dns'))
    writeFileSync(join(state, 'desired/it'), `satisfy:\n  names:\n${names.map(name => `    - "${name}"\n`).join('')}`)
    const acmetool = ['acmetool', '--state', state, '--hooks', join(folder, 'hooks'), '--batch', 'reconcile']
    await run(acmetool, call, { SSL_CERT_FILE: pebble.caFile })
    return pem(call, `state/live/${names[0]}/cert`)
  },
})

/** Every client that we are a hook of. */
export const CLIENTS: Readonly<Record<string, Client>> = {
  certbot,
  dehydrated: dehydrated('yes'),
  lego: lego('DEFAULT'),
  uacme,
  acmetool: acmetool('rfc2136'),
}

/** Their other ways to call us. */
export const VARIANTS: Readonly<Record<string, Client>> = {
  'dehydrated without HOOK_CHAIN': dehydrated('no'),
  'lego with EXEC_MODE=RAW': lego('RAW'),
  'acmetool with the provider of the settings': acmetool('acmetool'),
}

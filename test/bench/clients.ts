import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dns01Program } from '../real/servers/dns01.js'
import { prepareState } from '../real/servers/state.js'
import type { Lab } from './lab.js'
import { primary, tsig } from './lab.js'
import { inSequence, type Measured } from './measure.js'

/** An ACME client, set up as fast as its settings allow: short polls, no fixed waits. */
export interface Client {
  readonly name: string
  /** Programs and files it cannot do without. */
  readonly needs: readonly string[]
  /** One certificate for each list of names, with a new account: one after the other, unless it can do better. */
  issue(lab: Lab, certificates: readonly (readonly string[])[]): Promise<Measured>
}

/** With which dns01 updates and proves; no trust settings: like the others it finds the machine's CAs. */
export const dns01Env = (state: string): Record<string, string> => ({
  ACME_STATE_DIR: state,
  ACME_HOOKS_DIR: join(state, 'no-hooks'),
  DNS01_PROVIDER: 'rfc2136',
  RFC2136_NAMESERVER: primary,
  RFC2136_TSIG_KEY: tsig.name,
  RFC2136_TSIG_SECRET: tsig.secret,
})

/** Targets go straight into desired/, as for any run of cron. */
export function wantAll(state: string, certificates: readonly (readonly string[])[]): void {
  mkdirSync(join(state, 'desired'), { recursive: true, mode: 0o755 })
  for (const names of certificates) {
    const lines = ['satisfy:', '  names:', ...names.map(name => `  - ${name}`), '']
    writeFileSync(join(state, 'desired', `${names[0]}`), lines.join('\n'), { mode: 0o644 })
  }
}

export const dns01: Client = {
  name: 'dns01',
  needs: [],
  issue: (lab, certificates) => {
    const state = lab.folder()
    prepareState(state, lab.directoryUrl)
    wantAll(state, certificates)
    return lab.run([process.execPath, dns01Program, '--batch', 'reconcile'], dns01Env(state))
  },
}

const script = (path: string, text: string): string => {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/**
 * With the hook that comes with it: like dns01 it waits until both servers have the record, though the CA asks the primary
 * alone, and looks each second. It also waits until both have lost it, which no CA asks for, and dns01 does not.
 */
const uacme: Client = {
  name: 'uacme',
  needs: ['uacme', '/usr/share/uacme/nsupdate.sh', 'nsupdate', 'dig'],
  issue: (lab, certificates) => {
    const folder = lab.folder()
    const shipped = readFileSync('/usr/share/uacme/nsupdate.sh', 'utf8')
    const hook = script(
      join(folder, 'hook'),
      shipped.replace('RNDC_KEY_NSUPDATE=\n', `RNDC_KEY_NSUPDATE=${lab.keyFile}\n`),
    )
    const begin = ['uacme', '-c', folder, '-t', 'EC', '-a', lab.directoryUrl]
    return inSequence([
      () => lab.run([...begin, '-y', 'new']),
      ...certificates.map(names => () => lab.run([...begin, '-h', hook, 'issue', ...names])),
    ])
  },
}

/** With its plugin for dynamic updates, which waits a fixed time: none here, since the CA asks the primary. */
const certbot: Client = {
  name: 'certbot',
  needs: ['certbot', '/usr/lib/python3/dist-packages/certbot_dns_rfc2136'],
  issue: (lab, certificates) => {
    const folder = lab.folder()
    const credentials = join(folder, 'rfc2136.ini')
    const settings = {
      server: primary,
      name: tsig.name,
      secret: tsig.secret,
      algorithm: tsig.algorithm.toUpperCase(),
    }
    const lines = Object.entries(settings).map(([key, value]) => `dns_rfc2136_${key} = ${value}\n`)
    writeFileSync(credentials, lines.join(''), { mode: 0o600 })
    const quiet = ['--non-interactive', '--agree-tos', '--register-unsafely-without-email', '--key-type', 'ecdsa']
    const plugin = ['--dns-rfc2136', '--dns-rfc2136-credentials', credentials, '--dns-rfc2136-propagation-seconds', '0']
    const places = certbotPlaces(folder)
    const begin = ['certbot', 'certonly', ...quiet, ...plugin, '--server', lab.directoryUrl, ...places]
    return inSequence(certificates.map(names => () => lab.run([...begin, ...names.flatMap(name => ['-d', name])])))
  },
}

export const certbotPlaces = (folder: string): string[] =>
  ['config', 'work', 'logs'].flatMap(what => [`--${what}-dir`, join(folder, what)])

/** With its provider for dynamic updates; polls as often as its settings allow, each second. */
const lego: Client = {
  name: 'lego',
  needs: ['lego'],
  issue: (lab, certificates) => {
    const folder = lab.folder()
    const env = {
      RFC2136_NAMESERVER: `${primary}:53`,
      RFC2136_TSIG_KEY: tsig.name,
      RFC2136_TSIG_SECRET: tsig.secret,
      RFC2136_TSIG_ALGORITHM: `${tsig.algorithm}.`,
      RFC2136_POLLING_INTERVAL: '1',
      RFC2136_SEQUENCE_INTERVAL: '0',
    }
    const account = ['--accept-tos', '--email', 'a@bench.test', '--path', folder, '--server', lab.directoryUrl]
    const begin = ['lego', ...account, '--dns', 'rfc2136', '--dns.resolvers', `${primary}:53`]
    return inSequence(
      certificates.map(names => () => lab.run([...begin, ...names.flatMap(name => ['-d', name]), 'run'], env)),
    )
  },
}

/** With a hook of one nsupdate. */
const acmetool: Client = {
  name: 'acmetool',
  needs: ['acmetool', 'nsupdate'],
  issue: (lab, certificates) => {
    const state = lab.folder()
    const hooks = lab.folder()
    prepareState(state, lab.directoryUrl)
    wantAll(state, certificates)
    script(join(hooks, 'dns'), acmetoolHook(lab.keyFile))
    return lab.run(['acmetool', '--batch', '--state', state, '--hooks', hooks, 'reconcile'])
  },
}

const acmetoolHook = (keyFile: string): string => `#!/bin/sh
case $1 in
  challenge-dns-start) change="update add _acme-challenge.$2. 60 TXT $4" ;;
  challenge-dns-stop) change="update del _acme-challenge.$2. TXT $4" ;;
  *) exit 42 ;;
esac
printf 'server ${primary}\\n%s\\nsend\\n' "$change" | nsupdate -v -k ${keyFile}
`

/** dns01 comes first. */
export const CLIENTS: readonly Client[] = [dns01, uacme, certbot, lego, acmetool]

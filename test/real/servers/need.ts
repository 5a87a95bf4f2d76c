import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'

/** Program → Debian package, where the two differ. */
const PACKAGES: Readonly<Record<string, string>> = {
  named: 'bind9',
  nsupdate: 'bind9-dnsutils',
  dig: 'bind9-dnsutils',
  'pebble-challtestsrv': 'pebble',
  knotd: 'knot',
  pdns_server: 'pdns-server',
  pdnsutil: 'pdns-server',
  ip: 'iproute2',
  'gnutls-serv': 'gnutls-bin',
  aiosmtpd: 'python3-aiosmtpd',
  promtool: 'prometheus',
  dovecot: 'dovecot-imapd',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  pg_createcluster: 'postgresql',
  visudo: 'sudo',
  useradd: 'passwd',
  runuser: 'util-linux',
  crontab: 'cron',
}

/** Where test/setup.mjs builds the newest Pebble; Debian's is older. */
const newPebble = join(import.meta.dirname, '../../../node_modules/.dns01/pebble-2.10.1')

const FOLDERS = [newPebble, ...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin', '/usr/local/bin']
const SYSTEM_FOLDERS = ['/usr/bin', '/usr/sbin', '/bin', '/sbin']

/** DNS01_PEBBLE=system, which `npm test -- --pebble system` sets: every test that asks for a Pebble gets the system's own (Debian: 2.4). */
export const onlySystemsPebble = process.env.DNS01_PEBBLE === 'system'

function find(program: string, folders = foldersOf(program)): string | undefined {
  if (program === 'netns') return canMakeNetns() ? find('ip') : undefined
  for (const folder of folders) {
    const path = join(folder, program)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return undefined
}

const foldersOf = (program: string): string[] => (program === 'pebble' && onlySystemsPebble ? SYSTEM_FOLDERS : FOLDERS)

let netns: boolean | undefined

/** Network namespaces want Linux, `ip` and the right to make them. */
function canMakeNetns(): boolean {
  if (netns !== undefined) return netns
  const name = `dns01-try-${process.pid}`
  netns = spawnSync('ip', ['netns', 'add', name], { stdio: 'ignore' }).status === 0
  if (netns) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
  return netns
}

const howToGet = (program: string): string =>
  program === 'netns'
    ? 'network namespaces cannot be made here (Linux, root and iproute2 are needed)'
    : `${program} is not installed: apt-get install ${PACKAGES[program] ?? program}`

/** The system's own program, even where we have built a newer one; that one when there is no other. */
export const needSystems = (program: string): string => find(program, SYSTEM_FOLDERS) ?? need(program)

/** The program's path. `netns` asks for the right to make network namespaces and gives the path of `ip`. Throws, saying what to install. */
export function need(program: string): string {
  const path = find(program)
  if (path === undefined) throw new Error(howToGet(program))
  return path
}

/**
 * For `describe.skipIf(lacking('pebble', 'netns'))`: whether one of them is missing, said on stderr. On CI the answer is
 * always no, so that need() fails the tests: a missing server never passes in silence.
 */
export function lacking(...programs: readonly string[]): boolean {
  const missing = programs.filter(program => find(program) === undefined)
  if (missing.length === 0 || process.env.CI) return false
  process.stderr.write(`\nSKIPPED, NOT TESTED: ${missing.map(howToGet).join('; ')}\n`)
  return true
}

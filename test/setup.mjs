// Gets a machine with nothing but node and npm ready: npm packages from the lock, real servers from Debian.
// For demo, test and bench; needs no package itself. Quiet unless something is installed.
import '../node-version.mjs'
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

export const root = join(import.meta.dirname, '..')

/** Program that a test, the demo or the benchmark starts → Debian package that has it. */
export const SERVERS = {
  pebble: 'pebble',
  named: 'bind9',
  dig: 'bind9-dnsutils',
  nsupdate: 'bind9-dnsutils',
  knotd: 'knot',
  pdns_server: 'pdns-server',
  pdnsutil: 'pdns-server',
  sqlite3: 'sqlite3',
  nsd: 'nsd',
  acmetool: 'acmetool',
  certbot: 'certbot',
  lego: 'lego',
  uacme: 'uacme',
  dehydrated: 'dehydrated',
  ip: 'iproute2',
  openssl: 'openssl',
  curl: 'curl',
  time: 'time',
  nginx: 'nginx',
  apache2: 'apache2',
  haproxy: 'haproxy',
  postfix: 'postfix',
  dovecot: 'dovecot-imapd',
  slapd: 'slapd',
  vsftpd: 'vsftpd',
  'gnutls-serv': 'gnutls-bin',
  pg_createcluster: 'postgresql',
  sshd: 'openssh-server',
  ssh: 'openssh-client',
  chromium: 'chromium',
  sudo: 'sudo',
  visudo: 'sudo',
  useradd: 'passwd',
  runuser: 'util-linux',
  crontab: 'cron',
  setpriv: 'util-linux',
  keytool: 'default-jre-headless',
  aiosmtpd: 'python3-aiosmtpd',
  promtool: 'prometheus',
}

/** Packages without a program of their own that must come along. */
const COMPANIONS = {
  'pdns-server': ['pdns-backend-sqlite3'],
  certbot: ['python3-certbot-dns-rfc2136'],
  'dovecot-imapd': ['dovecot-pop3d'],
}

/** The newest Pebble, which Debian has not yet: it obeys and demands more (Retry-After, profiles, ARI). */
const pebble = { version: '2.10.1', folder: join(root, 'node_modules/.dns01/pebble-2.10.1') } // test/real/servers/need.ts, too

/** Installs the npm packages when node_modules is missing or older than the lock. */
export function installNpmPackages() {
  const installed = join(root, 'node_modules/.package-lock.json')
  const changed = path => (existsSync(path) ? statSync(path).mtimeMs : 0)
  if (changed(installed) >= changed(join(root, 'package-lock.json'))) return
  say('installing the npm packages (npm ci) …')
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--loglevel=error'], { cwd: root, stdio: ['ignore', 2, 2] })
  if (npm.status !== 0) fail('npm ci failed')
}

/** Builds Pebble where there is Go; else Debian's older one has to do, and tests of what that lacks are skipped. */
function buildPebble() {
  if (existsSync(join(pebble.folder, 'pebble'))) return
  const module = `github.com/letsencrypt/pebble/v2/cmd/pebble@v${pebble.version}`
  const go = find('go') ?? find('go', ['/usr/local/go/bin'])
  if (go) say(`building Pebble ${pebble.version} …`)
  const env = { ...process.env, GOBIN: pebble.folder }
  const { status, stderr } = go ? spawnSync(go, ['install', module], { env, encoding: 'utf8' }) : { stderr: 'no go' }
  if (status !== 0)
    say(`without Pebble ${pebble.version} (${stderr.trim()}): Debian's is used, and what it lacks is not tested`)
}

/**
 * Tries to install what is missing; returns the programs that are missing still. `systemsPebble`: the one that was built here
 * does not stand for it, since tests run with each.
 */
export function installServers(programs, { systemsPebble = false } = {}) {
  if (programs.includes('pebble')) buildPebble()
  const isMissing = program => !find(program, program === 'pebble' && systemsPebble ? systemFolders : folders)
  const missing = programs.filter(isMissing)
  if (missing.length === 0) return []
  const packages = [...new Set(missing.map(program => SERVERS[program]))]
  const all = [...packages, ...packages.flatMap(name => COMPANIONS[name] ?? [])]
  if (process.getuid?.() === 0 && find('apt-get')) {
    say(`installing Debian packages: ${all.join(' ')} …`)
    // One that this release lacks must not keep the others away.
    if (!aptGet(all) && all.length > 1) for (const name of all) aptGet([name])
  }
  return programs.filter(isMissing)
}

/** What a person types to get these programs. */
export function howToInstall(programs) {
  const packages = [...new Set(programs.map(program => SERVERS[program]))].join(' ')
  const go = programs.includes('pebble')
    ? '\n  or, for Pebble, with Go:  go install github.com/letsencrypt/pebble/v2/cmd/pebble@latest'
    : ''
  return `  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${packages}${go}`
}

/** Returns the program that was made. */
export function build() {
  const { status } = spawnSync(process.execPath, [join(root, 'build.mjs')], { stdio: ['ignore', 2, 2] })
  if (status !== 0) fail('the build failed')
  return join(root, 'dist/main.js')
}

/** Imports a TypeScript file of the tests on a node that knows no TypeScript, by esbuild. */
export async function importTypeScript(path) {
  const { build } = await import('esbuild')
  const outfile = join(root, 'node_modules/.dns01', `${path.replaceAll('/', '-')}.${process.pid}.mjs`)
  await build({
    entryPoints: [join(root, path)],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    plugins: [keepFolders],
  })
  return import(pathToFileURL(outfile).href).finally(() => rmSync(outfile))
}

/** In the one file that comes out, every source keeps its own `import.meta.dirname`. */
const keepFolders = {
  name: 'keep-folders',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/, namespace: 'file' }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll('import.meta.dirname', JSON.stringify(dirname(path))),
      loader: 'ts',
    }))
  },
}

const say = text => process.stderr.write(`${text}\n`)

function fail(text) {
  say(text)
  process.exit(1)
}

const systemFolders = ['/usr/bin', '/usr/sbin', '/bin', '/sbin']
const folders = [pebble.folder, ...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin']

/** The path of a program; undefined when it is not there. */
function find(program, where = folders) {
  return where
    .map(folder => join(folder, program))
    .find(path => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

/** Debian starts the servers it installs, and one of them would then hold port 53; policy-rc.d (of invoke-rc.d) forbids it, only for this call. */
function aptGet(packages) {
  const script = `
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
      trap 'rm -f $policy' EXIT
      trap 'exit 1' INT TERM HUP
      printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy
    fi
    install() { apt-get install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$@"; }
    install "$@" || { apt-get update -qq && install "$@"; }`
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, stderr } = spawnSync('sh', ['-c', script, 'sh', ...packages], { env, encoding: 'utf8' })
  if (status !== 0) say(stderr)
  return status === 0
}

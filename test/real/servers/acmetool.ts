import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { certificateId } from '../../../src/state/layout.js'
import { type Dns01Result, runDns01, startProgram } from './dns01.js'
import { need } from './need.js'
import { type Pebble, startPebble } from './pebble.js'
import { temporaryFolder } from './process.js'
import { prepareState } from './state.js'

/** A machine on which acmetool and dns01 take turns: a Pebble that finds every challenge good, and a hook that notes how it is called. */
export interface AcmetoolLab {
  readonly pebble: Pebble
  /** A new state directory that knows its CA. */
  newState(name: string): string
  acmetool(state: string, ...args: string[]): Promise<Dns01Result>
  dns01(state: string, ...args: string[]): Promise<Dns01Result>
  /** How the hook was called for this state directory since the last look, oldest first. */
  calls(state: string): HookCall[]
  stop(): Promise<void>
}

export interface HookCall {
  readonly event: string
  readonly args: readonly string[]
  readonly stdin: string
  readonly folder: string
  readonly stateDir: string
  /** Names of the environment's variables. */
  readonly env: readonly string[]
  readonly word: string
  readonly umask: string
}

/** One line of JSON a call, in one write. The values that we give it need no escapes. */
const notingHook = `#!/bin/sh
case "$1" in challenge-dns-start|challenge-dns-stop|live-updated) ;; *) exit 42 ;; esac
list() { while [ $# -gt 0 ]; do printf '"%s"' "$1"; shift; [ $# -gt 0 ] && printf ,; done; }
here=$(/bin/pwd)
stdin=$(sed 's/$/\\\\n/' | tr -d '\\n')
names=$(env | sed -n 's/^\\([A-Za-z0-9_]*\\)=.*/\\1/p' | sort)
event=$1; shift
printf '{"event":"%s","args":[%s],"stdin":"%s","folder":"%s","stateDir":"%s","env":[%s],"word":"%s","umask":"%s"}\\n' \\
  "$event" "$(list "$@")" "$stdin" "$here" "$ACME_STATE_DIR" "$(list $names)" "$WORD" "$(umask)" >> "$ACME_STATE_DIR/.calls"
`

export async function startAcmetoolLab({ nonceReject = 5 } = {}): Promise<AcmetoolLab> {
  const program = need('acmetool')
  const folder = temporaryFolder('acmetool')
  const hooks = join(folder.path, 'hooks')
  mkdirSync(hooks, { mode: 0o755 })
  writeFileSync(join(hooks, 'note'), notingHook)
  chmodSync(join(hooks, 'note'), 0o755)
  const pebble = await startPebble({ alwaysValid: true, authzReuse: 0, nonceReject }).catch(error => {
    folder.remove()
    throw error
  })
  const env = (state: string) => ({ ACME_STATE_DIR: state, ACME_HOOKS_DIR: hooks, SSL_CERT_FILE: pebble.caFile })
  return {
    pebble,
    newState(name) {
      const state = join(folder.path, name)
      mkdirSync(state, { mode: 0o755 })
      prepareState(state, pebble.directoryUrl)
      mkdirSync(join(state, 'desired'), { mode: 0o755 })
      return state
    },
    acmetool: (state, ...args) => startProgram([program, '--batch', ...args], { env: env(state) }).result,
    dns01: (state, ...args) =>
      runDns01(args, { env: { ...env(state), DNS01_PROVIDER: 'hooks', DNS01_PROPAGATION: 'off' } }),
    calls(state) {
      const file = join(state, '.calls')
      const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
      writeFileSync(file, '')
      return lines.flatMap(line => (line === '' ? [] : [JSON.parse(line) as HookCall]))
    },
    stop: async () => {
      await pebble.stop()
      folder.remove()
    },
  }
}

/** Puts what is in one state directory into another, as if it had been made there. */
export function mergeState(from: string, into: string): void {
  const filter = (path: string) => !path.endsWith('/.calls') && !path.endsWith('/.dns01')
  cpSync(from, into, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, filter })
}

/** Every visible path with mode, time of change, and what it leads to or holds. The root's own time counts not: hidden folders come and go. */
export function snapshotOf(state: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const path of readdirSync(state, { recursive: true }).map(String).sort()) {
    if (path.split('/').some(part => part.startsWith('.'))) continue
    const place = join(state, path)
    const info = lstatSync(place)
    const what = info.isSymbolicLink() ? `-> ${readlinkSync(place)}` : info.isFile() ? readFileSync(place, 'utf8') : ''
    // what we note for ourselves, in .dns01, passes through tmp/: when the CA is asked about a certificate, say
    const changed = path === 'tmp' ? '' : info.mtimeMs
    found[path] = `${(info.mode & 0o7777).toString(8)} ${changed} ${what}`
  }
  return found
}

/** The certificate that a link of live/ leads to. */
export const liveId = (state: string, link: string): string =>
  readlinkSync(join(state, 'live', link)).replace('../certs/', '')

/** The folder of an order that was not fetched; `account` as the link has it. Returns its id. */
export function putOrder(state: string, url: string, account: string | undefined): string {
  const id = certificateId(url)
  mkdirSync(join(state, 'certs', id), { mode: 0o755 })
  writeFileSync(join(state, 'certs', id, 'url'), url)
  if (account !== undefined) symlinkSync(account, join(state, 'certs', id, 'account'))
  return id
}

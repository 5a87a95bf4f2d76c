/** What sudo is to let a user do so that the hook `reload` works: a file of /etc/sudoers.d, with whole commands only. */

import { join } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { Files, World } from '../core/world.js'
import { isThere, namesIn, readText, writeOutside } from './outside.js'

/** Those of the hook `reload` that Debian or Fedora have; a test compares. */
export const SERVICES = ['nginx', 'apache2', 'httpd', 'lighttpd', 'haproxy', 'hitch', 'postfix', 'exim4', 'dovecot']

/** How it tests its configuration: the same words as in hooks/reload, which asks sudo for exactly them. */
export const TESTS: Readonly<Record<string, readonly string[]>> = {
  nginx: ['nginx', '-t', '-q'],
  apache2: ['apache2ctl', '-t'],
  httpd: ['httpd', '-t'],
  haproxy: ['haproxy', '-c', '-f', '/etc/haproxy/haproxy.cfg'],
  postfix: ['postconf', '-n'],
  dovecot: ['doveconf', '-n'],
}

/** Where sudo looks for programs, in its order (secure_path of Debian). */
const FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

const UNITS = ['/etc/init.d/', '/etc/systemd/system/', '/usr/lib/systemd/system/', '/lib/systemd/system/']

/** visudo only reads a file. */
const checkSeconds = 30

type Looking = Pick<World, 'files'>

/** What is to be in it; `text` undefined: there is nothing to allow, and `why` says so. */
export interface SudoersPlan {
  readonly path: string
  readonly text: string | undefined
  readonly why?: string
}

/**
 * A line for each service of this machine that the hook `reload` reloads, or that a hook `reload-X` is for. Changes nothing.
 * @throws Dns01Error CONFIG when the file is there and was not written by us
 */
export function planSudoers({ files }: Looking, user: string, hookFolder: string): SudoersPlan {
  const path = `/etc/sudoers.d/dns01-${user}` // sudo passes over names with a dot
  const first = `# Written by dns01 quickstart --user ${user}, which replaces it when services have come or gone.`
  const there = isThere(files, path) ? (readText(files, path) ?? '') : undefined
  if (there !== undefined && !there.startsWith(`${first}\n`))
    throw new Dns01Error('CONFIG', `${path} is not ours, and stays as it is`, {
      hint: `look what is in it, and move it away: mv ${path} /root`,
    })
  if (find(files, 'visudo') === undefined || !isThere(files, '/etc/sudoers.d'))
    return { path, text: undefined, why: 'sudo is not installed, so no service can be reloaded' }
  const lines = linesFor(files, user, hookFolder)
  if (lines.length === 0) return { path, text: undefined, why: 'there is no service yet that the hook reload knows' }
  return { path, text: [first, ...lines, ''].join('\n') }
}

function linesFor(files: Files, user: string, hookFolder: string): string[] {
  const usual = SERVICES.map(service => ({ verb: 'reload', service }))
  const named = namesIn(files, hookFolder).flatMap(name => {
    const [, verb, service] = name.match(/^(reload|restart)-(.+?)(\.service)?$/) ?? []
    return verb && service && service !== 'apache' ? [{ verb, service }] : []
  })
  const known = new Set<string>()
  return [...usual, ...named].flatMap(({ verb, service }) => {
    const line = lineFor(files, user, verb, service)
    if (line === undefined || known.has(line)) return []
    known.add(line)
    return [line]
  })
}

/** `service` where there is one, since the hook tries it first; and the test of the configuration, if there is one. */
function lineFor(files: Files, user: string, verb: string, service: string): string | undefined {
  if (!UNITS.some(folder => isThere(files, `${folder}${service}`) || isThere(files, `${folder}${service}.service`)))
    return undefined
  const [old, systemctl] = [find(files, 'service'), find(files, 'systemctl')]
  const reload = old ? [old, service, verb] : systemctl ? [systemctl, verb, `${service}.service`] : undefined
  if (!reload) return undefined
  const [program = '', ...words] = TESTS[service] ?? []
  const path = find(files, program)
  const commands = [reload, ...(path && program ? [[path, ...words]] : [])]
  return `${user} ALL=(root) NOPASSWD: ${commands.map(line => line.map(escaped).join(' ')).join(', ')}`
}

/** sudoers(5): these have a meaning in the words of a command. */
const escaped = (word: string): string => word.replaceAll(/[,:=\\]/g, '\\$&')

const find = (files: Files, program: string): string | undefined =>
  FOLDERS.map(folder => join(folder, program)).find(path => program !== '' && isThere(files, path))

/**
 * Puts it in place once visudo(8) has found no fault with it: a broken file in that folder shuts everybody out of sudo.
 * Returns its path when it was written now.
 * @throws Dns01Error BUG when visudo refuses it; STATE
 */
export async function installSudoers(
  world: Pick<World, 'files' | 'random' | 'run' | 'env'>,
  { path, text }: SudoersPlan,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (text === undefined) return undefined
  if (readText(world.files, path) === text && world.files.info(path)?.mode === 0o440) return undefined
  const trial = `${path}.new` // with a dot: sudo does not read it
  await writeOutside(world, trial, text, 0o440)
  try {
    const said: string[] = []
    const argv = [find(world.files, 'visudo') ?? 'visudo', '-c', '-f', trial]
    const { exit, problem } = await world.run(argv, {
      env: { PATH: FOLDERS.join(':'), LANG: 'C' },
      cwd: '/',
      input: '',
      timeoutSeconds: checkSeconds,
      signal,
      line: line => said.push(line),
    })
    if (exit !== 0)
      throw new Dns01Error('STATE', `visudo does not take what was to be ${path}: ${problem ?? said.join('; ')}`)
    await writeOutside(world, path, text, 0o440)
    return path
  } finally {
    await world.files.remove(trial)
  }
}

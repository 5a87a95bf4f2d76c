import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { ALIASES, GLOBAL, IDLE } from '../../src/cli/flags.js'
import { parseHookLine } from '../../src/cli/hook-args.js'
import { parseCommandLine } from '../../src/cli/parse.js'
import { COMMANDS } from '../../src/commands/index.js'
import { codeOf, Dns01Error, FAULTS } from '../../src/core/errors.js'
import type { World } from '../../src/core/world.js'
import { machine } from '../fakes/machine.js'
import { buildIfOlder, dns01Program } from '../real/servers/dns01.js'
import { type Fuzzer, tried } from './fuzzer.js'

const commandNames = COMMANDS.map(({ command }) => command.split(' ')[0] ?? '')
const options = [GLOBAL, ALIASES, IDLE, ...COMMANDS.map(command => command.options ?? {})].flatMap(all =>
  Object.keys(all),
)

const VALUES = [
  ...[
    'www.example.test',
    '*.example.test',
    'bücher.example',
    'a..b',
    '-x.test',
    'x'.repeat(70),
    'x.'.repeat(300),
    'localhost',
  ],
  ...['', ' ', '-', '--', '-1', '0', '1', '1e999', 'NaN', '007', '0x10', 'true', 'no', '=', 'a=b', '{}', '[', 'null'],
  ...[
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    '..',
    '../..',
    '/',
    '/dev/null',
    '/nonexistent',
    '.',
    '%00',
  ],
  ...[
    '\n',
    '\x1b[2J',
    '\u202e',
    '🙂',
    '$(id)',
    '`id`',
    '; id',
    "'",
    '"',
    '\\',
    'TRACE',
    'ERROR',
    'acmetool',
    'certbot',
    'auth',
  ],
  ...[
    'challenge-dns-start',
    'route53',
    'rfc2136',
    'exec',
    'hooks',
    'x'.repeat(43),
    'https://ca.test/directory',
    'x'.repeat(5000),
  ],
]

const word = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...commandNames, 'help', 'version') },
  { weight: 4, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 1, arbitrary: fc.string({ maxLength: 8 }) },
)
const flag = fc
  .tuple(
    fc.constantFrom('--', '--', '--', '-', '--no-'),
    fc.constantFrom(...options),
    fc.option(fc.constantFrom(...VALUES)),
  )
  .map(([dashes, name, value]) => (value === null ? `${dashes}${name}` : `${dashes}${name}=${value}`))
const short = fc.constantFrom(
  '-v',
  '-vvv',
  '-q',
  '-n',
  '-h',
  '-hv',
  '--help',
  '--help-long',
  '--json',
  '--batch',
  '--version',
)
const line = fc.array(fc.oneof({ weight: 3, arbitrary: word }, { weight: 3, arbitrary: flag }, short), { maxLength: 8 })

/** In memory: parsed as main() does it, and what it calls for is run on a machine without a network. */
async function inProcess(argv: readonly string[]): Promise<void> {
  const { context } = machine({
    folders: ['/var/lib/acme/desired'],
    files: { '/var/lib/acme/desired/www.example.test': '' },
  })
  const refuse = (): Promise<never> => Promise.reject(new Dns01Error('REFUSED', 'there is no network here'))
  const dns = { query: refuse, exchange: refuse, serve: refuse, systemResolvers: () => ['192.0.2.1'] }
  const world: World = { ...context.world, dns, fetch: refuse }
  const errors = await (async () => {
    const invocation = (argv.includes('hook') ? parseHookLine(argv) : undefined) ?? (await parseCommandLine(argv))
    if (typeof invocation === 'string') return []
    return invocation.command.run(invocation.args, { ...context, world, signal: AbortSignal.timeout(20_000) })
  })().catch(error => [error as unknown])
  const bug = typeof errors === 'number' ? undefined : errors.find(error => codeOf(error) === 'BUG')
  if (bug !== undefined) throw bug
}

const asShell = (argv: readonly string[]): string => `dns01 ${argv.map(each => JSON.stringify(each)).join(' ')}`

export const commandLineFuzzer: Fuzzer = {
  name: 'command line, parsed and run in memory',
  standing: 500,
  run: round => tried(round, line, inProcess, asShell),
}

/** Nothing is reached and nothing but this folder is written, whatever the line says: `quickstart` installs cron jobs. */
const ISOLATED =
  'mount --bind "$0" "$0" && mount -o remount,bind,ro / && cd "$0" && exec timeout --preserve-status -k 5 4 "$@"'
const outOfReach = ['unshare', '--net', '--mount', '--propagation', 'private', 'sh', '-c', ISOLATED]

/** 143: it was still waiting, and ended when it was told to. */
const EXITS = [0, 143, ...Object.entries(FAULTS).flatMap(([code, { exit }]) => (code === 'BUG' ? [] : [exit]))]

/** As users start it. Ends with a status of the table, never 1 (a bug) or 9 (node's own), and heeds TERM. */
async function built(argv: readonly string[]): Promise<void> {
  buildIfOlder()
  const place = mkdtempSync(join(tmpdir(), 'dns01-fuzz-line-'))
  try {
    mkdirSync(join(place, 'state/desired'), { recursive: true })
    mkdirSync(join(place, 'state/accounts'))
    writeFileSync(join(place, 'state/desired/www.example.test'), '')
    writeFileSync(join(place, '-rf'), '')
    const env = { PATH: process.env.PATH, HOME: place, ACME_STATE_DIR: join(place, 'state') }
    const { exit, said } = await ended([...outOfReach, place, process.execPath, '--', dns01Program, ...argv], env)
    if (!EXITS.includes(exit)) throw new Error(`it ended with ${exit}:\n${said}`)
    if (/(?!\n)[\p{Cc}\p{Cf}]/u.test(said)) throw new Error(`it said ${JSON.stringify(said)}`)
  } finally {
    rmSync(place, { recursive: true })
  }
}

function ended(
  [program = '', ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ exit: number; said: string }> {
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', text => (said += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', code => resolve({ exit: code ?? -1, said }))
  })
}

/** No argument of a program can hold NUL (execve(2)). */
const realLine = line.map(words => words.map(each => each.replaceAll('\0', '')))

export const builtProgramFuzzer: Fuzzer = {
  name: 'command line of the built program',
  standing: 8,
  ...(process.getuid?.() !== 0 && { impossible: 'only root may make namespaces' }),
  run: round => tried(round, realLine, built, asShell),
}

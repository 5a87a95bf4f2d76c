import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { cull } from '../../src/commands/cull.js'
import { plan } from '../../src/commands/plan.js'
import { reconcile } from '../../src/commands/reconcile.js'
import { status } from '../../src/commands/status.js'
import { codeOf, Dns01Error, linesOf } from '../../src/core/errors.js'
import type { World } from '../../src/core/world.js'
import { realClock } from '../../src/platform/clock.js'
import { openLog } from '../../src/platform/log.js'
import { openOut } from '../../src/platform/out.js'
import type { Context } from '../../src/renew/run.js'
import { diskWorld } from '../fakes/disk-world.js'
import { outside, ROOT } from '../fakes/outside.js'
import { newFolder } from '../folder.js'
import { damaged, type Edit, edits } from './damage.js'
import { type Fuzzer, tried } from './fuzzer.js'

/** Two targets with certificates, account, conf, and what is left of a run that was killed. Nothing is due. */
interface Example {
  readonly folder: string
  /** Every path below it, folders too; relative. */
  readonly paths: readonly string[]
  /** Those that belong to one target alone, by its name. */
  readonly own: ReadonlyMap<string, readonly string[]>
}

const TARGETS = ['a.one.test', 'b.one.test'] as const
const [VICTIM, OTHER] = TARGETS
/** When the certificates are valid: three days after they were issued. */
const now = new Date('2026-01-04T00:00:00Z')

/** Made once for each process, by a whole run against a CA in memory. */
let example: Promise<Example> | undefined

async function makeExample(): Promise<Example> {
  const made = outside({ targets: TARGETS.map(name => [name]), zones: ['one.test'] })
  const { error } = await made.run()
  if (error !== undefined) throw error
  const folder = newFolder('fuzz')
  for (const line of made.files.tree(ROOT)) {
    const [, link, target] = line.match(/^link (.*) -> (.*)$/) ?? []
    const [, kind, mode = '', path = ''] = line.match(/^(file|folder) (\d+) (.*)$/) ?? []
    if (link && target) symlinkSync(target, join(folder, link))
    else if (kind === 'folder') mkdirSync(join(folder, path), { recursive: true })
    else writeFileSync(join(folder, path), made.files.text(`${ROOT}/${path}`), { mode: Number.parseInt(mode, 8) })
    if (kind) chmodSync(join(folder, path), Number.parseInt(mode, 8))
  }
  const put = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o700 })
    writeFileSync(join(folder, path), text, { mode: path.startsWith('conf/') ? 0o644 : 0o600 })
  }
  put('conf/dns.yml', 'provider: hooks\n')
  put('conf/perm', '# nothing of our own\n')
  const since = '2026-01-01T00:00:00.000Z'
  const failure = { code: 'REFUSED', message: 'no', since, last: since, times: 1 }
  put('.dns01/ledger.json', JSON.stringify({ failures: { 'target gone': failure }, validations: {}, orders: {} }))
  put('.dns01/untold', 'gone.one.test\n')
  const challenge = { host: 'x.one.test', wildcard: false, token: '', keyAuthorization: '', targetFile: '', env: {} }
  const record = {
    name: '_acme-challenge.x.one.test',
    value: 'x'.repeat(43),
    zone: 'one.test',
    ttlSeconds: 60,
    challenge,
  }
  put(
    '.dns01/journal/left.json',
    JSON.stringify({ id: 'left', provider: 'hooks', zone: 'one.test', records: [record] }),
  )
  const paths = everyPath(folder)
  return { folder, paths, own: new Map(TARGETS.map(name => [name, ownOf(folder, paths, name)])) }
}

/** Folders, files and links, in order; links are not followed. */
const everyPath = (root: string, folder = ''): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true })
    .flatMap(entry => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? [path, ...everyPath(root, path)] : [path]
    })
    .sort()

function ownOf(folder: string, paths: readonly string[], name: string): string[] {
  const certificate = readlinkSync(join(folder, 'live', name)).replace('../', '')
  const key = readlinkSync(join(folder, certificate, 'privkey')).replace(/^\.\.\/\.\.\/|\/privkey$/g, '')
  const roots = [`desired/${name}`, `live/${name}`, certificate, key]
  return paths.filter(path => roots.some(root => path === root || path.startsWith(`${root}/`)))
}

const BOMB = [
  'a: &a [x, x]',
  ...[...'bcdefghi'].map((key, i) => `${key}: &${key} [${Array(9).fill(`*${'abcdefgh'[i]}`)}]`),
]

/** What becomes of what a path holds, by name. */
const CONTENTS: Readonly<Record<string, (was: Buffer) => Buffer | string>> = {
  emptied: () => '',
  'NUL bytes': was => Buffer.alloc(was.length),
  BOM: was => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), was]),
  CRLF: was => was.toString('latin1').replaceAll('\n', '\r\n'),
  doubled: was => Buffer.concat([was, was]),
  null: () => 'null',
  list: () => '[]',
  'wrong types': () => '{"failures":1,"id":[],"records":null,"satisfy":{"names":3},"zones":[]}',
  deep: () => '['.repeat(5000),
  'deep YAML': () => '- '.repeat(5000),
  'alias bomb': () => BOMB.join('\n'),
  escapes: () => '\x1b[2J\x07\r\nerror: forged\u202e\x9b: [',
  huge: () => 'x'.repeat(3_000_000),
}

/** Somebody else's folder, beside the state directory: it must stay as it is. */
const strangerOf = (path: string): string => `${path.slice(0, path.indexOf('/state/'))}/stranger`

/** What stands at a path instead. */
const KINDS: Readonly<Record<string, (path: string) => void>> = {
  gone: () => {},
  folder: path => mkdirSync(path),
  'link loop': path => symlinkSync(path, path),
  'dangling link': path => symlinkSync('nowhere', path),
  'link out': path => symlinkSync(strangerOf(path), path),
  FIFO: path => execFileSync('mkfifo', [path]),
}

/** Beside a path, what does not belong there. */
const NEIGHBOURS = ['x', '\x1b[2J\nforged', '..x', 'z'.repeat(200), 'a'.repeat(52), 'ümlaut', '*', 'x~', '-rf'] as const

type Damage = { readonly path: number } & (
  | { readonly content: string }
  | { readonly edits: readonly Edit[] }
  | { readonly kind: string }
  | { readonly mode: number }
  | { readonly neighbour: string }
)

const damage: fc.Arbitrary<Damage> = fc.oneof(
  fc.record({ path: fc.nat(999), content: fc.constantFrom(...Object.keys(CONTENTS)) }),
  fc.record({ path: fc.nat(999), edits: edits(['{', '}', '"', ': ', '\n', '- ', '../', '\x1b']) }),
  fc.record({ path: fc.nat(999), kind: fc.constantFrom(...Object.keys(KINDS)) }),
  fc.record({ path: fc.nat(999), mode: fc.constantFrom(0, 0o400, 0o644, 0o666, 0o777, 0o4755, 0o2777, 0o1777) }),
  fc.record({ path: fc.nat(999), neighbour: fc.constantFrom(...NEIGHBOURS) }),
)

function infoOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    return undefined // ENOENT; ENOTDIR, when another damage made a file of a folder
  }
}

/** @returns the path that was touched; undefined when there was nothing any more */
function inflict(root: string, { paths }: Example, one: Damage): string | undefined {
  const path = paths[one.path % paths.length] ?? ''
  const at = join(root, path)
  const info = infoOf(at)
  if (!info) return undefined
  if ('mode' in one) {
    if (!info.isSymbolicLink()) chmodSync(at, one.mode)
  } else if ('neighbour' in one) {
    const neighbour = join(dirname(path), one.neighbour)
    writeFileSync(join(root, neighbour), 'x')
    return neighbour
  } else if ('kind' in one) {
    rmSync(at, { recursive: true })
    KINDS[one.kind]?.(at)
  } else if (info.isFile()) {
    const was = readFileSync(at)
    writeFileSync(at, 'edits' in one ? damaged(was, one.edits) : (CONTENTS[one.content]?.(was) ?? ''))
  }
  return path
}

/** Path to what each file holds. */
const contents = (root: string): Map<string, string> =>
  new Map(
    everyPath(root)
      .filter(path => lstatSync(join(root, path)).isFile())
      .map(path => [path, readFileSync(join(root, path)).toString('latin1')]),
  )

interface Said {
  readonly lines: string[]
  readonly bugs: unknown[]
}

/** What an admin and cron do: none of it may crash, hang, or say anything that steers a terminal. */
async function lookAndReconcile(root: string): Promise<Said> {
  const said: Said = { lines: [], bugs: [] }
  const began = Date.now()
  const log = openLog({
    sinks: [{ severity: 'TRACE', format: 'human', write: line => void said.lines.push(...line.split('\n')) }],
    now: () => now,
  })
  const refuse = (): Promise<never> => Promise.reject(new Dns01Error('REFUSED', 'there is no network here'))
  const clock = { ...realClock, now: () => new Date(now.getTime() + Date.now() - began) }
  const dns = { query: refuse, exchange: refuse, serve: refuse, systemResolvers: () => ['192.0.2.1'] }
  const more: Partial<World> = {
    log,
    clock,
    dns,
    fetch: refuse,
    random: bytes => crypto.getRandomValues(new Uint8Array(bytes)),
  }
  const { world } = diskWorld({ PATH: '/usr/bin:/bin', ACME_HOOKS_DIR: join(root, '..', 'no-hooks') }, more)
  const context = (json: boolean): Context => ({
    ...{
      world,
      stateRoot: root,
      responseFile: undefined,
      lockWaitSeconds: 0,
      parallel: 4,
      batch: true,
      verbose: 0,
    },
    ...{ commandLine: 'dns01 reconcile', signal: new AbortController().signal },
    out: openOut({ json, columns: undefined, masked: log.masked }, text => void said.lines.push(...text.split('\n'))),
  })
  const commands = [
    () => status.run({}, context(false)),
    () => status.run({}, context(true)),
    () => plan.run({}, context(false)),
    () => reconcile.run({}, context(false)),
    () => cull.run({ simulate: true }, context(false)),
  ]
  for (const command of commands) {
    const errors = await command().catch(error => [error as unknown])
    if (typeof errors === 'number') continue
    said.bugs.push(...errors.filter(error => codeOf(error) === 'BUG'))
    for (const error of errors) log.error(...linesOf(error))
  }
  return said
}

/** Whatever the modes are. */
function removeAll(folder: string): void {
  try {
    rmSync(folder, { recursive: true })
  } catch {
    execFileSync('chmod', ['-R', 'u+rwX', folder])
    rmSync(folder, { recursive: true })
  }
}

/** In memory where there is such a place: each write of dns01 is synced. */
const temporary = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

async function check(all: readonly Damage[]): Promise<void> {
  example ??= makeExample()
  const given = await example
  const place = mkdtempSync(join(temporary, 'dns01-fuzz-case-'))
  const root = join(place, 'state')
  try {
    cpSync(given.folder, root, { recursive: true, verbatimSymlinks: true })
    const stranger = aStranger(place)
    const touched = all.flatMap(one => inflict(root, given, one) ?? [])
    const victimOnly = touched.every(path => given.own.get(VICTIM)?.includes(path))
    const before = contents(root)
    if (victimOnly) rmSync(join(root, 'live', OTHER))
    const { lines, bugs } = await lookAndReconcile(root)
    if (bugs.length > 0) throw bugs[0]
    const loud = lines.find(line => /[\p{Cc}\p{Cf}]/u.test(line) || /^error: forged/.test(line))
    if (loud !== undefined) throw new Error(`it said ${JSON.stringify(loud)}`)
    nothingLost(before, contents(root), touched)
    if (isChanged(stranger)) throw new Error('the folder of a stranger was changed')
    if (victimOnly) goesOn(given, root, lines)
  } finally {
    removeAll(place)
  }
}

interface Stranger {
  readonly folder: string
  readonly was: string
}

/** With a file that is as old as any leftover, of a mode that we would not give it. */
function aStranger(place: string): Stranger {
  const folder = join(place, 'stranger')
  mkdirSync(folder, { mode: 0o711 })
  for (const name of ['privkey', 'dns01.old', 'x.json']) {
    writeFileSync(join(folder, name), 'theirs', { mode: 0o640 })
    utimesSync(join(folder, name), 0, 0)
  }
  return { folder, was: lookOf(folder) }
}

const lookOf = (folder: string): string =>
  [folder, ...readdirSync(folder).map(name => join(folder, name))]
    .map(path => `${path} ${lstatSync(path).mode} ${lstatSync(path).size} ${lstatSync(path).mtimeMs}`)
    .join()

const isChanged = ({ folder, was }: Stranger): boolean => lookOf(folder) !== was

/** What was not touched is where it was, or was put aside whole; ours to change are `.dns01` and `tmp`. */
function nothingLost(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
  touched: readonly string[],
): void {
  const aside = new Set(
    [...after].flatMap(([path, content]) => (path.startsWith('.dns01/set-aside/') ? [content] : [])),
  )
  for (const [path, content] of before) {
    if (touched.some(one => path === one || path.startsWith(`${one}/`)) || /^(\.dns01|tmp|live)\//.test(path)) continue
    if (after.get(path) !== content && !aside.has(content)) throw new Error(`${path} was lost or changed`)
  }
}

/** The other target is as well as ever: its link, which was taken away, is back, and status calls it ok. */
function goesOn({ folder }: Example, root: string, lines: readonly string[]): void {
  const link = lstatSync(join(root, 'live', OTHER), { throwIfNoEntry: false })?.isSymbolicLink()
  const was = readlinkSync(join(folder, 'live', OTHER))
  if (!link || readlinkSync(join(root, 'live', OTHER)) !== was) {
    const why = lines.filter(line => line.startsWith('error: ')).at(-1) ?? 'no word of it'
    throw new Error(`live/${OTHER} was not put back: ${why.replaceAll(dirname(root), '')}`)
  }
}

export const stateFuzzer: Fuzzer = {
  name: 'state directory',
  standing: 100,
  run: round =>
    tried(round, fc.array(damage, { minLength: 1, maxLength: 3 }), check, all => {
      return `a state directory with ${JSON.stringify(all)}`
    }),
}

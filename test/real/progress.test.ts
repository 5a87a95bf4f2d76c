import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'
import { type Dns01Result, dns01Program, startProgram } from './servers/dns01.js'
import { type Domain, inDomain } from './servers/domain.js'
import { lacking } from './servers/need.js'
import { startServer } from './servers/process.js'
import { prepareState } from './servers/state.js'
import { screenOf } from './servers/terminal.js'

// What a person sees of a run that waits for a slow name server, on a real terminal (script(1)): Pebble, BIND, and a second server
// that shows each value some seconds late.

const folder = newFolder('progress')
const lagSeconds = 3

interface Try {
  readonly columns: number
  readonly env?: Readonly<Record<string, string>>
  readonly args: readonly string[]
  /** In front of the program: timeout(1), stty in the background. */
  readonly before?: string
  readonly behind?: string
}

const tries = {
  narrow: { columns: 40, env: { NO_COLOR: '1' }, args: ['want', 'n.corp.test'] },
  usual: { columns: 80, args: ['reconcile'] },
  wide: { columns: 200, args: ['want', 'w.corp.test', '*.w.corp.test'] },
  resized: { columns: 120, args: ['reconcile'], before: 'T=$(tty); (sleep 2; stty -F $T cols 50) &' },
  stopped: { columns: 80, args: ['reconcile'], before: 'timeout --foreground -s INT 2' },
  piped: { columns: 80, args: ['want', 'p.corp.test'], behind: '| head -n 1' },
  dumb: { columns: 80, env: { TERM: 'dumb' }, args: ['want', 'd.corp.test'] },
  batch: { columns: 80, args: ['--batch', 'want', 'b.corp.test'] },
} as const satisfies Record<string, Try>

type Name = keyof typeof tries | 'log'
const ended = {} as Record<Name, Dns01Result>

/** A state directory of its own, so that all run at once; three targets that `reconcile` finds. */
function stateOf(name: Name, { pebble }: Domain): string {
  const state = join(folder, name)
  prepareState(state, pebble.directoryUrl)
  mkdirSync(join(state, 'desired'))
  for (const each of ['one', 'two', 'three'])
    writeFileSync(join(state, 'desired', each), `satisfy:\n  names: [${each}.${name}.corp.test]\n`)
  return state
}

function start(name: keyof typeof tries, domain: Domain): Promise<Dns01Result> {
  const { columns, env, args, before = '', behind = '' }: Try = tries[name]
  const state = stateOf(name, domain)
  const program = `${process.execPath} -- ${dns01Program} ${args.map(word => `'${word}'`).join(' ')}`
  const line = `stty cols ${columns} rows 24; ${before} ${program} ${behind}`
  const own = { ...domain.env, ACME_STATE_DIR: state, TERM: 'xterm', ...env }
  const argv = ['script', '--quiet', '--return', '--command', line, '/dev/null']
  return startProgram(argv, { env: own, netns: domain.netns }).result
}

/** What stood on the screen whenever something new was drawn. */
const frames = ({ stdout }: Dns01Result): string[] => stdout.split('\x1b[J').slice(1)

beforeAll(async () => {
  if (lacking('pebble', 'named', 'netns')) return
  const zone =
    '$ORIGIN corp.test.\n$TTL 60\n@ SOA ns1 hostmaster 1 3600 600 86400 5\n@ NS ns1\n@ NS ns2\nns1 A 127.0.0.1\nns2 A 127.0.0.2\n'
  const bind = { zones: { 'corp.test': { file: zone, allowUpdate: ['acme-key'] } } }
  await inDomain({ bind, pebble: { nonceReject: 0 } }, async domain => {
    const late = [
      join(import.meta.dirname, '../fakes/bad-dns.mjs'),
      '127.0.0.2',
      '127.0.0.1',
      'lags-for-each-name',
      String(lagSeconds),
    ]
    const server = await startServer([process.execPath, ...late], { ready: /ready/, netns: domain.netns })
    const names = Object.keys(tries) as (keyof typeof tries)[]
    const log = domain.start(['-v', 'reconcile'], { env: { ACME_STATE_DIR: stateOf('log', domain) } }).result
    const results = await Promise.all(names.map(name => start(name, domain)))
    for (const [i, name] of names.entries()) ended[name] = results[i] as Dns01Result
    ended.log = await log
    await server.stop()
  })
}, 60_000)

describe.skipIf(lacking('pebble', 'named', 'netns'))('on a terminal', () => {
  test.each(['narrow', 'usual', 'wide', 'resized', 'piped', 'dumb', 'batch'] as const)('%s: it ends well', name => {
    expect(ended[name].exit).toBe(0)
    expect(readdirSync(join(folder, name, 'live')).length).toBeGreaterThan(0)
  })

  test('of 80 columns each certificate has a line: what it waits for, and since when', () => {
    const waiting = frames(ended.usual)
      .map(screenOf)
      .filter(frame => / [12] s of 15 min/.test(frame))
    expect(waiting[0]).toMatch(/^3 certificates: 3 under way · \d s$/m)
    expect(waiting[0]).toMatch(
      /^· three\.usual\.corp\.test +ns2\.corp\.test \(1 of 2 servers show it\) +\d s of 15 min$/m,
    )
  })

  test('how it went stays, then the summary; nothing of the list', () => {
    const screen = screenOf(ended.usual.stdout)
    expect(screen).toMatch(/^✓ one\.usual\.corp\.test +issued +\d s$/m)
    expect(screen.match(/^✓/gm)).toHaveLength(3)
    expect(screen).toMatch(/fullchain/)
    expect(screen).not.toMatch(/waiting|show it|under way/)
  })

  test.each([
    ['narrow', 40],
    ['usual', 80],
    ['wide', 200],
  ] as const)('no line of %s is wider than the terminal', (name, columns) => {
    const lines = frames(ended[name]).flatMap(frame => screenOf(frame).split('\n'))
    const ours = lines.filter(line => /^[·✓✗]/.test(line))
    expect(ours.length).toBeGreaterThan(0)
    expect(Math.max(...ours.map(line => line.length))).toBeLessThan(columns)
  })

  test('there are colours, and none with NO_COLOR', () => {
    expect(ended.usual.stdout).toContain('\x1b[32m✓\x1b[39m')
    expect(ended.narrow.stdout).not.toContain('\x1b[3')
    expect(ended.narrow.stdout).not.toContain('\x1b[2m')
    expect(ended.narrow.stdout).toContain('✓ n.corp.test')
  })

  test('a terminal that gets narrower has lines that fit from then on', () => {
    const drawn = frames(ended.resized)
      .map(screenOf)
      .filter(frame => /^· /m.test(frame))
    const widths = drawn.map(frame => Math.max(...frame.split('\n').map(line => line.length)))
    expect(widths[0]).toBeGreaterThan(50)
    expect(widths.at(-1)).toBeLessThan(50)
    expect(screenOf(ended.resized.stdout)).not.toMatch(/sh: /)
  })

  test('after Ctrl-C the list is gone, the cursor is there, and the status is that of the signal', () => {
    const screen = screenOf(ended.stopped.stdout)
    expect(ended.stopped.exit).toBe(124) // of timeout(1)
    expect(screen).toMatch(/^SIGINT: stopping; TXT records are removed first$/m)
    expect(screen).not.toMatch(/under way|show it|failed/)
  })

  test.each(Object.keys(tries) as (keyof typeof tries)[])('%s never hides the cursor', name => {
    expect(ended[name].stdout).not.toContain('\x1b[?25l')
  })

  test.each(['dumb', 'batch'] as const)('with %s nothing is drawn', name => {
    expect(ended[name].stdout).not.toContain('\x1b[J')
  })
})

test.skipIf(lacking('pebble', 'named', 'netns'))('without a terminal -v has a line with the time for each step', () => {
  const lines = ended.log.stderr.split('\n').filter(line => line.includes('one.log.corp.test: '))
  expect(
    lines.map(line => line.replace(/^\d{14} \[INFO\] dns01: one\.log\.corp\.test: /, '').replace(/ · .*/, '')),
  ).toEqual(
    expect.arrayContaining([
      'looking for its zone',
      'asking the CA',
      'placing records',
      'waiting for the name servers',
      'waiting for the CA to validate',
      'waiting for the certificate',
    ]),
  )
  expect(ended.log.stdout).toBe('')
})

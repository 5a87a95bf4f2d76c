// Every command line of dns01 that a page shows: the parser takes it, and what asks nobody outside is run.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseHookLine } from '../src/cli/hook-args.js'
import { parseCommandLine } from '../src/cli/parse.js'
import { allBlocks, PAGES, pageText } from './docs.js'
import { buildIfOlder, runDns01 } from './real/servers/dns01.js'

interface Shown {
  readonly where: string
  readonly words: readonly string[]
}

/** The words of a line of sh, and the operators between commands. Of quotes only what our pages have: no escapes in them. */
const tokens = (line: string): string[] =>
  [...line.replace(/(^|\s)#.*$/, '').matchAll(/(?:"[^"]*"|'[^']*'|[^\s"'|&;<>])+|[|&;<>]+/g)].map(([word]) => word)

const unquoted = (word: string): string => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single)

/** What stands behind the word dns01 in each command of the line. */
function callsIn(line: string): string[][] {
  const commands: string[][] = [[]]
  for (const token of tokens(line)) {
    if (/^[|&;<>]+$/.test(token)) commands.push([])
    else commands.at(-1)?.push(token)
  }
  return commands.flatMap(words => {
    const at = words.findIndex(word => !/^\w+=/.test(word))
    return words[at] === 'dns01' ? [words.slice(at + 1).map(unquoted)] : []
  })
}

const inBlocks: Shown[] = allBlocks('sh').flatMap(({ page, line, text }) =>
  text
    .replaceAll('\\\n', '  ')
    .split('\n')
    .flatMap((each, i) => callsIn(each).map(words => ({ where: `${page}:${line + i}`, words }))),
)

/** In running text, between backquotes: what is a whole command line, without a placeholder such as `dns01 …`. */
const inText: Shown[] = PAGES.filter(page => page !== 'CHANGELOG.md').flatMap(page =>
  [...pageText(page).matchAll(/`(dns01 [^`]*)`/g)]
    .filter(([, line = '']) => !/…|DIALECT/.test(line))
    .flatMap(([, line = '']) => callsIn(line).map(words => ({ where: `${page} \`${line}\``, words }))),
)

/** Capitals stand for what the reader puts in. */
const filledIn = (words: readonly string[]): string[] =>
  words.map(word => ({ NAME: 'www.example.com', HOST: 'www.example.com', PROVIDER: 'rfc2136' })[word] ?? word)

test('there are many', () => {
  expect(inBlocks.length).toBeGreaterThan(20)
  expect(inText.length).toBeGreaterThan(20)
})

test.each([...inBlocks, ...inText])('$where: a command, flags and words that exist', async ({ words }) => {
  const line = words.length === 1 ? ['help', ...words] : filledIn(words) // a word alone only names the command
  const taken = parseHookLine(line) ?? (words[0] === '--version' ? 'the version' : await parseCommandLine(line))
  expect(taken).toBeTruthy()
})

/** Commands that look at the state directory and ask nobody. What else a line says decides with them. */
const offline = ({ words: [command = '', ...more] }: Shown): boolean =>
  ['status', 'plan', '--version', 'account-thumbprint'].includes(command) ||
  (command === 'providers' && (more.length < 2 || more.includes('--iam-policy'))) ||
  (command === 'want' && more.includes('--no-reconcile')) ||
  (command === 'cull' && more.includes('--simulate'))

describe('those that ask nobody', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dns01-docs-'))
  const state = join(folder, 'state')
  const env = { DNS01_ENV_FILE: join(folder, 'env'), ACME_HOOKS_DIR: join(folder, 'hooks'), DNS01_PROVIDER: 'memory' }
  const shown = [...inBlocks, ...inText].filter(offline)
  const names = [
    ...new Set(shown.flatMap(({ words }) => filledIn(words)).filter(word => /^[*a-z-]+(\.[a-z]+)+$/.test(word))),
  ]
  const run = (words: readonly string[]) => runDns01(['--state', state, ...words], { env })

  beforeAll(async () => {
    await buildIfOlder()
    mkdirSync(env.ACME_HOOKS_DIR)
    writeFileSync(env.DNS01_ENV_FILE, '', { mode: 0o600 })
    for (const name of names) expect((await run(['want', '--no-reconcile', name])).exit).toBe(0)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test.each(shown)('$where ends well', async ({ words }) => {
    const { exit, stderr } = await run(filledIn(words))
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  })
})

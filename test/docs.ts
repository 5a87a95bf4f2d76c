// The tables of docs/ as the code has them. A page holds each of them between two comments; test/docs.test.ts holds the page
// to the code, and with DOCS=write writes it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Options } from 'yargs'
import { GLOBAL } from '../src/cli/flags.js'
import { COMMANDS } from '../src/commands/index.js'
import { type Code, FAULTS } from '../src/core/errors.js'
import { plain } from '../src/core/styled.js'
import { KINDS } from '../src/notify/settings.js'
import { loadShipped, shippedNames } from '../src/provider/catalog.js'
import { Board, liveLines } from '../src/report/progress.js'
import { checkStatus, parseLimits } from '../src/report/status-check.js'
import { statusLines } from '../src/report/status-table.js'
import { aDocument, household, statusNow } from './fakes/status.js'

const root = join(import.meta.dirname, '..')

/** What people read, by its path from the root. */
export const PAGES: readonly string[] = [
  ...readdirSync(root).filter(file => file.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => `docs/${file}`),
]

export const pageText = (page: string): string => readFileSync(join(root, page), 'utf8')

/** A fenced block of a page, with the line on which its text begins. */
export interface Block {
  readonly page: string
  readonly line: number
  /** What stands behind the fence: sh, yaml, ts; empty for none. */
  readonly language: string
  readonly text: string
}

const blocksOf = (page: string): Block[] =>
  [...pageText(page).matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(({ index, 1: language = '', 2: text = '' }) => ({
    page,
    line: pageText(page).slice(0, index).split('\n').length + 1,
    language,
    text,
  }))

export const allBlocks = (language: string): Block[] =>
  PAGES.flatMap(blocksOf).filter(block => block.language === language)

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

/** One row an exit status; codes that share one are neighbours. */
function exitTable(): string {
  const codes = Object.entries(FAULTS) as [Code, (typeof FAULTS)[Code]][]
  const rows = codes.map(([code, { exit, meaning, again }]) => [
    String(exit),
    `\`${code}\``,
    meaning,
    again ? 'tries again' : 'fails again',
  ])
  return table(
    ['exit', 'code', 'meaning', 'next cron run'],
    [['0', '', 'every wanted name is live; nothing to do counts', ''], ...rows],
  )
}

const commandTable = (): string =>
  table(
    ['command', 'does'],
    COMMANDS.map(({ command, describe }) => [`\`${command}\``, describe]),
  )

const flagRow = ([name, { describe = '', alias }]: [string, Options]): [string, string] => [
  `\`--${name}\`${alias === undefined ? '' : `, \`-${alias}\``}`,
  describe,
]

const flagTable = (): string => table(['flag', 'meaning'], Object.entries<Options>(GLOBAL).map(flagRow))

const ownFlagTable = (): string =>
  table(
    ['command', 'flag', 'meaning'],
    COMMANDS.flatMap(({ command, options = {} }) =>
      Object.entries(options).map(flag => [`\`${command.split(' ')[0]}\``, ...flagRow(flag)]),
    ),
  )

async function providerTable(): Promise<string> {
  const definitions = await Promise.all(shippedNames().map(loadShipped))
  const rows = definitions.map(({ name, summary, settings, batch, additive, testedWith }) => [
    `\`${name}\``,
    summary,
    Object.entries(settings)
      .map(([key, { env, required }]) => `\`${env[0] ?? key}\`${required ? ' (required)' : ''}`)
      .join(' ') || 'none',
    batch ? 'yes' : 'no',
    additive ? 'yes' : 'no',
    testedWith,
  ])
  return table(['provider', 'what', 'settings', 'batch', "keeps others' values", 'tested with'], rows)
}

/** What a command prints, as it stands on a terminal. */
const capture = (command: string, lines: readonly string[]): string =>
  ['```', `$ ${command}`, ...lines, '```'].join('\n')

const statusIn = (columns: number): string =>
  capture('dns01 status', statusLines(aDocument(household), statusNow, { columns, whole: false }).map(plain))

/** So many certificates after 48 seconds; the first of them are over, one has failed, some wait for a name server. */
function runCapture(command: string, count: number, ready: number): string {
  const board = new Board()
  const at = (seconds: number): Date => new Date(seconds * 1000)
  const lagging = { detail: () => 'ns2.example.net (2 of 3 servers show it)', atMostSeconds: 900 }
  const hosts = ['www', 'mail', 'ldap', ...Array.from({ length: count }, (_, i) => `h${i}`)].slice(0, count)
  for (const [i, host] of hosts.entries()) {
    const about = { id: host, subject: `${host}.example.com`, kind: 'certificate' } as const
    board.see(
      { ...about, stage: i < ready + 40 ? 'asking the CA' : 'waiting for its turn' },
      at(i < ready + 40 ? 0 : 1),
    )
    if (i < ready) board.see({ ...about, result: 'issued' }, at(14))
    else if (i === ready) board.see({ ...about, result: 'failed', detail: () => 'the CA refused (caa)' }, at(20))
    else if (i <= ready + 12) board.see({ ...about, stage: 'waiting for the name servers', ...lagging }, at(9))
  }
  return capture(command, liveLines(board, at(48), { columns: 80, rows: 24 }).map(plain))
}

const checkCapture = (): string =>
  capture('dns01 status --check 14,7', [checkStatus(aDocument(household), statusNow, parseLimits('14,7')).line])

/** What switches a channel on stands first. */
const noticeTable = (): string =>
  table(
    ['by', 'variable', 'meaning'],
    KINDS.flatMap(({ name, settings }) =>
      Object.values(settings).map(({ env, help, required, default: otherwise }, i) => [
        i === 0 ? name : '',
        env.map(variable => `\`${variable}\``).join(' '),
        `${help}${required ? ' (required)' : ''}${otherwise ? `; default \`${otherwise}\`` : ''}`,
      ]),
    ),
  )

/** By the name in `<!-- table: NAME -->`. */
export const TABLES: Readonly<Record<string, () => string | Promise<string>>> = {
  commands: commandTable,
  'own flags': ownFlagTable,
  flags: flagTable,
  exits: exitTable,
  providers: providerTable,
  'status capture': () => statusIn(100),
  'run capture': () => runCapture('dns01', 3, 1),
  'crowd capture': () => runCapture('dns01', 3000, 1204),
  'check capture': checkCapture,
  notices: noticeTable,
}

/** A page with its tables as the code has them. */
export async function withTables(text: string): Promise<string> {
  let made = text
  for (const [whole, name = ''] of text.matchAll(/<!-- table: ([\w ]+) -->\n[\s\S]*?<!-- end -->/g)) {
    const make = TABLES[name]
    if (!make) throw new Error(`there is no table "${name}"`)
    made = made.replace(whole, `<!-- table: ${name} -->\n${await make()}\n<!-- end -->`)
  }
  return made
}

export const writePage = (page: string, text: string): void => writeFileSync(join(root, page), text)

import { GLOBAL } from '../src/cli/flags.js'
import { COMMANDS } from '../src/commands/index.js'
import { type Code, FAULTS } from '../src/core/errors.js'
import { loadProvider, providerNames } from '../src/provider/loader.js'

/** The README's tables as the code has them; test/readme.test.ts holds the README to them. */

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n')

/** One row an exit status; codes that share one stand together. */
export function exitTable(): string {
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

export const commandTable = (): string =>
  table(
    ['command', 'does'],
    COMMANDS.map(({ command, describe }) => [`\`${command}\``, describe]),
  )

export const flagTable = (): string =>
  table(
    ['flag', 'meaning'],
    Object.entries(GLOBAL).map(([name, { describe, ...rest }]) => [
      `\`--${name}\`${'alias' in rest ? `, \`-${rest.alias}\`` : ''}`,
      describe,
    ]),
  )

export async function providerTable(): Promise<string> {
  const definitions = await Promise.all(providerNames().map(loadProvider))
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

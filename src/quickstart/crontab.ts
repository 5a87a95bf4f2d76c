/** What a crontab's lines mean (crontab(5) of Debian's cron and of cronie). */

export interface CronLine {
  /** Counted from 0. */
  readonly line: number
  /** `17 3 * * *` or `@daily`. */
  readonly when: string
  /** undefined in a user's own crontab. */
  readonly user: string | undefined
  /** As sh gets it. */
  readonly command: string
  /** Variables of the lines above it. */
  readonly env: Readonly<Record<string, string>>
}

const ASSIGNMENT = /^\s*(?:"([^"]*)"|'([^']*)'|([A-Za-z_]\w*))\s*=\s*(.*)$/
const WHEN = String.raw`(@\w+|[^\s@]\S*(?:\s+\S+){4})`
const SYSTEM = new RegExp(String.raw`^\s*${WHEN}\s+(\S+)\s+(.*)$`)
const PERSONAL = new RegExp(String.raw`^\s*${WHEN}\s+(.*)$`)

/** The lines that start something. `system`: of /etc/crontab and /etc/cron.d, where each names its user. */
export function cronLines(text: string, { system }: { readonly system: boolean }): CronLine[] {
  const env: Record<string, string> = {}
  return text.split('\n').flatMap((line, index): CronLine[] => {
    if (/^\s*(#|$)/.test(line)) return []
    const assigned = line.match(ASSIGNMENT)
    if (assigned) {
      const [, double, single, bare, value = ''] = assigned
      env[double ?? single ?? bare ?? ''] = withoutQuotes(value.trim())
      return []
    }
    const [, when = '', ...rest] = line.match(system ? SYSTEM : PERSONAL) ?? []
    const [user, command] = system ? rest : [undefined, ...rest]
    if (command === undefined) return []
    return [{ line: index, when, user, command: beforePercent(command), env: { ...env } }]
  })
}

/** The text without the lines that give these variables these values. */
export const withoutAssignments = (text: string, variables: Readonly<Record<string, string>>): string =>
  text
    .split('\n')
    .filter(line => {
      const [, double, single, bare, value = ''] = line.match(ASSIGNMENT) ?? []
      const name = double ?? single ?? bare
      return name === undefined || variables[name] !== withoutQuotes(value.trim())
    })
    .join('\n')

const withoutQuotes = (value: string): string => value.match(/^(["'])(.*)\1$/)?.[2] ?? value

/** A bare % begins what the command gets on standard input; `\%` is a %. */
const beforePercent = (command: string): string => (command.match(/^(?:\\%|[^%])*/)?.[0] ?? '').replaceAll('\\%', '%')

/** systemd timers that are enabled, and what their services start (systemd.timer(5), systemd.service(5)). */

import type { Files } from '../core/world.js'
import { namesIn, readText } from './outside.js'

export interface Timer {
  /** `dns01.timer` */
  readonly unit: string
  /** The service's last ExecStart. */
  readonly words: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly user: string | undefined
  readonly calendar: readonly string[]
}

export const timerFolder = '/etc/systemd/system'

/** systemd.unit(5), "Unit File Load Path": the first that has a unit counts. */
const FOLDERS = [
  timerFolder,
  '/run/systemd/system',
  '/usr/local/lib/systemd/system',
  '/usr/lib/systemd/system',
  '/lib/systemd/system',
]

/** By the links that `systemctl enable` makes, read from disk: nothing is run to find them. What cannot be read is left out. */
export const enabledTimers = (files: Files): Timer[] =>
  namesIn(files, `${timerFolder}/timers.target.wants`)
    .filter(name => name.endsWith('.timer'))
    .map(unit => {
      const timer = unitLines(files, unit)
      const service = unitLines(files, lastOf(timer, 'Unit') ?? unit.replace(/\.timer$/, '.service'))
      return {
        unit,
        words: systemdWords(lastOf(service, 'ExecStart') ?? '').map((word, i) =>
          i === 0 ? word.replace(/^[@:+!|-]+/, '') : word,
        ),
        env: Object.fromEntries(valuesOf(service, 'Environment').flatMap(systemdWords).map(pairOf)),
        user: lastOf(service, 'User'),
        calendar: valuesOf(timer, 'OnCalendar'),
      }
    })

/** Of the unit and its drop-ins, which come after it (systemd.unit(5)); a backslash at the end joins a line with the next. */
function unitLines(files: Files, unit: string): string[] {
  const folder = FOLDERS.find(each => readText(files, `${each}/${unit}`) !== undefined)
  const paths = FOLDERS.flatMap(each => {
    const dropIns = `${each}/${unit}.d`
    return namesIn(files, dropIns).flatMap(name => (name.endsWith('.conf') ? [`${dropIns}/${name}`] : []))
  })
  return [...(folder ? [`${folder}/${unit}`] : []), ...paths].flatMap(path =>
    (readText(files, path) ?? '').replace(/\\\n/g, ' ').split('\n'),
  )
}

/** All values of a key; an empty one takes back those before it. */
function valuesOf(lines: readonly string[], key: string): string[] {
  let values: string[] = []
  for (const line of lines) {
    const [, name, value = ''] = line.match(/^\s*(\w+)\s*=\s*(.*?)\s*$/) ?? []
    if (name === key) values = value === '' ? [] : [...values, value]
  }
  return values
}

const lastOf = (lines: readonly string[], key: string): string | undefined => valuesOf(lines, key).at(-1)

/** systemd.service(5), "Command lines", and systemd.exec(5), Environment=. */
const systemdWords = (text: string): string[] =>
  (text.match(/(?:"(?:\\.|[^"\\])*"|'[^']*'|[^\s"'])+/g) ?? []).map(word =>
    word
      .replace(/"((?:\\.|[^"\\])*)"|'([^']*)'/g, (_, double, single) => double?.replace(/\\(.)/g, '$1') ?? single)
      .replaceAll('%%', '%')
      .replaceAll('$$', '$'),
  )

const pairOf = (word: string): [string, string] => {
  const [name = '', ...value] = word.split('=')
  return [name, value.join('=')]
}

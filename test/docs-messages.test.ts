// The messages that docs/troubleshooting.md explains are messages of the program.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pageText } from './docs.js'

const root = join(import.meta.dirname, '..')
const sources = ['src', 'providers', 'hooks']
  .flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => readFileSync(join(entry.parentPath, entry.name), 'utf8')),
  )
  .join('\n')
  .replace(/['"`] \+\s*['"`]/g, '') // a text of two lines

const messages = pageText('docs/troubleshooting.md')
  .split('\n')
  .flatMap(line => (line.startsWith('| `') ? [...(line.split(' | ')[0] ?? '').matchAll(/`([^`]+)`/g)] : []))
  .map(([, message = '']) => message)

test('there are some', () => expect(messages.length).toBeGreaterThan(25))

test.each(messages)('"%s" is said by the program', message => {
  const parts = message.split('…').map(part => part.trim().replace(/\.$/, ''))
  expect(parts.filter(part => !sources.includes(part))).toEqual([])
})

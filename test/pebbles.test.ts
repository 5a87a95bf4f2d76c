// Which tests run once more with the system's own Pebble, and what `npm test -- --pebble` says to anything else.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { filesOfOnePebble, notOfTheCa } from './pebbles.mjs'

const root = join(import.meta.dirname, '..')

test('each file that starts a Pebble is among them, starts both, or is about no CA', () => {
  const again = filesOfOnePebble()
  expect([...again, ...notOfTheCa].filter(path => !existsSync(join(root, path)))).toEqual([])
  const real = readdirSync(import.meta.dirname, { recursive: true }).map(String)
  const starts = real.filter(path => {
    if (!path.endsWith('.test.ts') || path === 'pebbles.test.ts') return false
    return /\b(startPebble|startLab|inDomain)\(/.test(readFileSync(join(import.meta.dirname, path), 'utf8'))
  })
  const both = ['accounts', 'acme', 'key-reuse', 'own-request', 'pebbles', 'preferred-chain', 'second-ca']
  expect(starts.filter(path => ![...again, ...notOfTheCa].includes(`test/${path}`)).sort()).toEqual(
    both.map(name => `real/${name}.test.ts`),
  )
})

test('a Pebble that is neither is an error that says which there are', () => {
  const { status, stderr } = spawnSync(process.execPath, ['test/run.mjs', '--pebble', '2.10'], { cwd: root })
  expect([status, String(stderr)]).toEqual([1, expect.stringMatching(/--pebble 2\.10: say "system".* or "both"/)])
})

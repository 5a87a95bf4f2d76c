// `npm run demo`, as a stranger starts it first of all, with the built program: with whichever Pebble is there.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dns01Program, startProgram } from './servers/dns01.js'
import { lacking, onlySystemsPebble } from './servers/need.js'
import { temporaryFolder } from './servers/process.js'

const root = join(import.meta.dirname, '../..')

describe.skipIf(lacking('pebble'))('npm run demo', () => {
  const demo = (program: string) => {
    const env = { DNS01_PROGRAM: program, CI: 'true', ...(onlySystemsPebble && { DNS01_PEBBLE: 'system' }) }
    return startProgram([process.execPath, 'test/demo.mjs'], { cwd: root, env }).result
  }

  test('gets a certificate for two names, shows it, and ends with 0', async () => {
    const { exit, stdout, stderr } = await demo(dns01Program)
    expect(`${exit}\n${stderr}`).toBe('0\n')
    for (const line of [
      /\$ dns01 want vault\.corp\.example '\*\.corp\.example'\n/,
      /DNS:vault\.corp\.example, DNS:\*\.corp\.example; by CN=Pebble Intermediate/,
      /^ +vault\.corp\.example +-> \.\.\/certs\//m,
      /\$ dns01 status\n.*vault\.corp\.example/s,
      /\$ dns01 reconcile\n.*\$ dns01 reconcile\n/s,
      /\nDone\. Nothing is left running\./,
    ])
      expect(stdout).toMatch(line)
    expect(existsSync(join(root, 'demo-state'))).toBe(false)
  })

  test('says what failed, and ends with 1', async () => {
    const { path, remove } = temporaryFolder('demo')
    const program = join(path, 'main.cjs')
    writeFileSync(program, 'process.exit(3)')
    try {
      const { exit, stderr } = await demo(program)
      expect({ exit, stderr }).toEqual({ exit: 1, stderr: '\nThe demo failed: dns01 ended with status 3\n' })
    } finally {
      remove()
    }
  })
})

import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { newFolder } from '../folder.js'
import { dns01Program, startProgram } from './servers/dns01.js'
import { otherNode } from './servers/node.js'

const root = join(import.meta.dirname, '../..')
const { engines, version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const folder = newFolder('node')
const STARTED_BY_HAND = ['dist/main.js', 'build.mjs', 'test/demo.mjs', 'test/run.mjs', 'test/bench.mjs']

beforeAll(() => {
  symlinkSync(dns01Program, join(folder, 'dns01'))
  writeFileSync(join(folder, 'planted.cjs'), `require('fs').writeFileSync('${folder}/ran', '')`)
  writeFileSync(join(folder, 'open-env'), `NODE_OPTIONS="--require ${folder}/planted.cjs"\n`, { mode: 0o666 })
}, 240_000)

/** This node, which calls itself by another version. */
const posingAs = (version: string): string[] => {
  const code = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
  return [process.execPath, '--import', `data:text/javascript,${encodeURIComponent(code)}`]
}

describe('a Node that is too old is told so in words, without a stack', () => {
  test.each(STARTED_BY_HAND)('%s', async file => {
    const { exit, stdout, stderr } = await startProgram([...posingAs('18.20.8'), join(root, file)]).result
    expect(stderr).toMatch(/^dns01 needs Node 20\.19 or later; this is 18\.20\.8 \(\/.*\)\n.*nodejs\.org/)
    expect(stderr).not.toMatch(/^ +at /m)
    expect({ exit, stdout }).toEqual({ exit: 3, stdout: '' })
  })

  test.each([
    ['18.20.8', 3],
    ['20.18.3', 3],
    ['20.19.0', 0],
    ['20.20.2', 0],
    ['22.12.0', 0],
    ['26.10.0', 0],
  ])('%s ends with %i', async (version, exit) => {
    expect((await startProgram([...posingAs(version), dns01Program, '--version']).result).exit).toBe(exit)
  })

  test('the version in the message is that of package.json', () => {
    expect(engines.node).toBe('>=20.19')
  })
})

// A Node that only poses as old can read what a real one cannot.
const old = otherNode('18.20.8')
describe.skipIf(old === undefined)('a real Node 18', () => {
  test.each(STARTED_BY_HAND)('gets as far as the message in %s', async file => {
    const { exit, stderr } = await startProgram([old as string, join(root, file)]).result
    expect(stderr).toMatch(/^dns01 needs Node 20\.19 or later; this is 18\.20\.8 /)
    expect(exit).toBe(3)
  })
})

// Node 20 to 24 look for --env-file in the whole command line, and run NODE_OPTIONS of the file, unless `--` comes first.
const newest = otherNode('24.21.0')
const nodes = [process.execPath, ...(newest ? [newest] : [])]
describe.each(nodes)('--env-file is ours and not that of %s', node => {
  const env = { PATH: `${dirname(node)}:/usr/bin:/bin` }
  const dns01 = (...args: string[]) => startProgram([join(folder, 'dns01'), ...args], { env }).result

  test('by a link in PATH, as npm makes it, this node runs it', async () => {
    expect(await dns01('--version')).toMatchObject({ exit: 0, stdout: `dns01 ${version}\n` })
  })

  test('a file that is not there is our error', async () => {
    expect(await dns01('--env-file', '/nonexistent', 'status')).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('there is no env file /nonexistent'),
    })
  })

  test.each(['--env-file', '--env-file='])(
    'a file that all can write is refused before its code runs (%s)',
    async flag => {
      const path = join(folder, 'open-env')
      const { exit, stderr } = await dns01(...(flag.endsWith('=') ? [flag + path] : [flag, path]), 'status')
      expect(stderr).toMatch(/the env file .*open-env may hold a secret/)
      expect(exit).toBe(3)
      expect(existsSync(join(folder, 'ran'))).toBe(false)
    },
  )
})

import { beforeEach, expect, test } from 'vitest'
import type { RunOptions, World } from '../../../src/core/world.js'
import { staleExports } from '../../../src/renew/exports.js'
import { type TellParts, tellWhatChanged } from '../../../src/renew/links.js'
import { placePlaceholders, unlinkedOf } from '../../../src/renew/placeholder.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

let fake: StateWorld
let state: StateDir
let parts: TellParts
let told: string[]
const list = `export:
- {format: pem, path: /out/a.pem}
- {format: der, path: /out/a.der, mode: '0640', owner: '7', group: tomcat}
- {format: p12, path: /out/a.p12, passphrase-file: /etc/pass}
`

beforeEach(async () => {
  fake = stateWorld()
  told = []
  const run: World['run'] = async (_argv: readonly string[], { input }: RunOptions) => {
    told.push(input)
    return { exit: 0, output: '' }
  }
  fake.files.put('/hooks/one', '#!/bin/sh\n', 0o755)
  fake.files.put('/etc/passwd', 'root:x:0:0\n')
  fake.files.put('/etc/group', 'root:x:0:\ntomcat:x:53:\n')
  fake.files.put('/etc/pass', 'sesame\nnot this\n', 0o600)
  fake.files.put('/out/keep', '')
  fake.files.put('/s/desired/a.test', list)
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
  const world = { ...fake.world, run, env: {} }
  parts = { world, state, hookFolders: ['/hooks'], signal: new AbortController().signal }
  wait(1)
  const held = { targets: state.targets().targets, links: state.links() }
  await placePlaceholders(fake.world, state, unlinkedOf(['a.test'], held))
  wait(1)
})

function wait(hours: number): void {
  fake.time = new Date(fake.time.getTime() + hours * 3_600_000)
}
const targets = () => state.targets().targets
const stale = (): string[] => staleExports(fake.world, state, targets()).map(({ wanted }) => wanted.path)
const tell = () => tellWhatChanged(parts, targets())

test('all files are written, for whom the list says, and then the hooks are told', async () => {
  expect(stale()).toEqual(['/out/a.pem', '/out/a.der', '/out/a.p12'])
  expect(await tell()).toEqual([])
  expect(told).toEqual(['a.test\n'])
  expect(fake.files.info('/out/a.pem')).toMatchObject({ mode: 0o600, uid: 0 })
  expect(fake.files.info('/out/a.der')).toMatchObject({ mode: 0o640, uid: 7, gid: 53 })
  expect(fake.files.info('/out/a.key.der')).toMatchObject({ mode: 0o640, uid: 7, gid: 53 })
  expect(stale()).toEqual([])
  const changes = fake.files.changes
  expect(await tell()).toEqual([])
  expect(told).toHaveLength(1)
  expect(fake.files.changes).toBe(changes)
})

test.each<[string, () => void | Promise<void>, string[]]>([
  ['a file was removed', () => fake.files.remove('/out/a.pem'), ['/out/a.pem']],
  ['the key of two files was removed', () => fake.files.remove('/out/a.key.der'), ['/out/a.der']],
  ['the passphrase was changed', () => fake.files.put('/etc/pass', 'other', 0o600), ['/out/a.p12']],
  ['the list was edited', () => fake.files.put('/s/desired/a.test', list), ['/out/a.pem', '/out/a.der', '/out/a.p12']],
])('%s: those are made again, and the hooks told', async (_, happens, expected) => {
  await tell()
  wait(1)
  await happens()
  wait(1)
  expect(stale()).toEqual(expected)
  expect(await tell()).toEqual([])
  expect(told).toEqual(['a.test\n', 'a.test\n'])
  expect(stale()).toEqual([])
})

test('a time to come does not make files anew in every run', async () => {
  wait(50)
  fake.files.put('/s/desired/a.test', list)
  wait(-49)
  await tell()
  expect(stale()).toEqual([])
})

test('what fails is a failed hook, is tried by the next run, and keeps nothing else from being done', async () => {
  fake.files.put('/etc/pass', 'sesame\n', 0o644)
  const failed = await tell()
  expect(failed).toMatchObject([
    {
      hook: 'export /out/a.p12',
      error: { code: 'HOOK', message: expect.stringContaining('everybody can read it'), hint: 'chmod o= /etc/pass' },
    },
  ])
  expect(told).toEqual(['a.test\n'])
  expect(stale()).toEqual(['/out/a.p12'])
  expect(await tell()).toHaveLength(1)
  expect(told).toHaveLength(1) // nobody hears of what is not there
})

test.each([
  ['within the state directory', '{format: pem, path: /s/live/x.pem}', 'within the state directory'],
  ['for a user who does not exist', '{format: pem, path: /out/x.pem, owner: nobody}', 'there is no user nobody'],
  ['in a folder that does not exist', '{format: pem, path: /nowhere/x.pem}', 'cannot write /nowhere/x.pem'],
])('a file %s is not written', async (_, entry, message) => {
  fake.files.put('/s/desired/a.test', `export: [${entry}]\n`)
  expect(await tell()).toMatchObject([{ error: { code: 'HOOK', message: expect.stringContaining(message) } }])
})

test('a target that others can change has no files written', () => {
  fake.files.put('/s/desired/a.test', list, 0o666)
  expect(state.targets()).toMatchObject({
    targets: [],
    problems: [
      { code: 'CONFIG', message: expect.stringContaining('says which files are written, but it may be changed') },
    ],
  })
})

import { expect, test } from 'vitest'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const FILE = '/s/.dns01/renewal-info.json'
const at = (day: number): Date => new Date(Date.UTC(2026, 10, day))
const WINDOW = { start: at(21), end: at(23), chosen: at(22), asked: at(20), explanationUrl: 'https://ca.test/why' }

async function open(fake: StateWorld = stateWorld()) {
  const state = await StateDir.open(fake.world, '/s')
  await state.conform()
  return { fake, memory: state.renewals(), text: () => Buffer.from(fake.files.read(FILE)).toString() }
}

test('what is kept is there in the next run', async () => {
  const { fake, memory } = await open()
  memory.keep('one', { askAgain: at(24), window: WINDOW })
  memory.keep('two', { replaced: true, successor: 'three' })
  memory.keepService('ca.test', { url: 'https://ca.test/ari', askAgain: at(25) })
  await memory.save()
  const { memory: next } = await open(fake)
  expect([...next.certificates]).toEqual([...memory.certificates])
  expect([...next.services]).toEqual([...memory.services])
})

test('what is gone is forgotten; where nothing changed nothing is written', async () => {
  const { fake, memory, text } = await open()
  memory.keep('one', { askAgain: at(24) })
  memory.keep('two', { askAgain: at(24) })
  memory.keepOnly(new Set(['two', 'another']))
  await memory.save()
  expect(Object.keys(JSON.parse(text()).certificates)).toEqual(['two'])
  const { changes } = fake.files
  memory.keepOnly(new Set(['two']))
  await memory.save()
  expect(fake.files.changes).toBe(changes)
})

test('what changes while it is written is written, too, and many changes at once take one write', async () => {
  const { fake, memory, text } = await open()
  memory.keep('one', { askAgain: at(24) })
  const first = memory.save()
  const before = fake.files.changes
  for (let i = 0; i < 20; i++) memory.keep(`n${i}`, { askAgain: at(24) })
  await Promise.all([first, ...Array.from({ length: 20 }, () => memory.save())])
  expect(Object.keys(JSON.parse(text()).certificates)).toHaveLength(21)
  expect(fake.files.changes - before).toBeLessThan(20)
})

test.each([
  { what: 'no JSON', text: '{"services": {' },
  { what: 'JSON of another shape', text: '[]' },
  { what: 'an instant that is none', text: '{"services":{},"certificates":{"a":{"askAgain":"soon"}}}' },
  { what: 'nothing', text: '' },
])('a file with $what counts as empty, and is written anew', async ({ text: damaged }) => {
  const { fake } = await open()
  fake.files.put(FILE, damaged)
  const { memory, text } = await open(fake)
  expect(memory.certificates.size + memory.services.size).toBe(0)
  memory.keep('one', { askAgain: at(24) })
  await memory.save()
  expect(Object.keys(JSON.parse(text()).certificates)).toEqual(['one'])
})

test.each([
  ['a folder', (fake: StateWorld) => fake.files.putFolder(FILE)],
  ['a FIFO', (fake: StateWorld) => fake.files.putOther(FILE)],
  ['no JSON', (fake: StateWorld) => fake.files.put(FILE, '{')],
])('%s in its place counts as empty, and is in nobody’s way', async (_, put) => {
  const { fake } = await open()
  put(fake)
  const { memory, text } = await open(fake)
  expect([...memory.certificates]).toEqual([])
  memory.keep('one', { askAgain: at(24) })
  await memory.save()
  expect(Object.keys(JSON.parse(text()).certificates)).toEqual(['one'])
})

test('a secret in the address of a page is masked before it is kept', async () => {
  const fake = stateWorld()
  const masked = (text: string): string => text.replace('hunter2-hunter2', '***')
  const { memory, text } = await open({ ...fake, world: { ...fake.world, log: { ...fake.world.log, masked } } })
  memory.keep('one', { window: { ...WINDOW, explanationUrl: 'https://ca.test/?key=hunter2-hunter2' } })
  await memory.save()
  expect(text()).not.toContain('hunter2')
})

test('ten thousand certificates are kept in one file; how long it takes to read is printed', async () => {
  const { fake, memory } = await open()
  for (let i = 0; i < 10_000; i++) memory.keep(`${i}`.padStart(52, 'a'), { askAgain: at(24), window: WINDOW })
  await memory.save()
  const began = performance.now()
  const { memory: next } = await open(fake)
  expect(next.certificates.size).toBe(10_000)
  process.stderr.write(`renewal memory of 10,000 certificates: read in ${Math.round(performance.now() - began)} ms\n`)
})

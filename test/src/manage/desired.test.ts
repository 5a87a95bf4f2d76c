import { beforeEach, describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { addWanted, removeWanted, targetFiles } from '../../../src/manage/desired.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const root = '/var/lib/acme'
let fake: StateWorld
let state: StateDir

beforeEach(async () => {
  fake = stateWorld()
  state = await StateDir.open(fake.world, root)
  await state.conform()
})

const want = (...names: string[]) => addWanted(fake.world, state, names.map(parseName))
const unwant = (...names: string[]) => removeWanted(state, names.map(parseName))
const wanted = () => state.targets().targets.map(target => target.names)
const files = () => state.targets().targets.map(target => target.file)

describe('addWanted', () => {
  test('writes one target file, named after the first name, as acmetool does', async () => {
    await want('www.a.test', 'a.test', 'www.a.test')
    expect(wanted()).toEqual([['www.a.test', 'a.test']])
    expect(files()[0]).toMatch(/^www\.a\.test-[a-z2-7]{26}$/)
  })

  test('writes nothing when one target has them all', async () => {
    await want('a.test', 'b.test')
    const before = fake.files.changes
    await want('b.test')
    expect(fake.files.changes).toBe(before)
  })

  test('writes one when only two targets together have the names', async () => {
    await want('a.test')
    await want('b.test')
    await want('a.test', 'b.test')
    expect(files()).toHaveLength(3)
  })

  test('a wildcard is a name like others', async () => {
    await want('*.a.test')
    expect(wanted()).toEqual([['*.a.test']])
  })

  test('the longest name that can be proved still fits into a file name', async () => {
    const label = 'a'.repeat(63)
    await want([label, label, label, 'a'.repeat(45)].join('.'))
    expect(wanted()[0]?.[0]).toHaveLength(237)
    expect(files()[0]?.length).toBeLessThanOrEqual(255)
  })

  test('a longer one is refused, and nothing is written', async () => {
    const label = 'a'.repeat(63)
    await expect(want('ok.test', [label, label, label, 'a'.repeat(46)].join('.'))).rejects.toMatchObject({
      code: 'USAGE',
    })
    expect(files()).toEqual([])
  })
})

describe('removeWanted', () => {
  test('takes a name out of every target, and a target that is empty away', async () => {
    await want('a.test')
    await want('a.test', 'b.test')
    expect(await unwant('a.test')).toHaveLength(2)
    expect(wanted()).toEqual([['b.test']])
  })

  test('leaves comments and settings as they are', async () => {
    await state.writeTarget(
      'mine',
      'satisfy:\n  # the web server\n  names:\n  - a.test\n  - b.test # old\npriority: 3\n',
    )
    await unwant('b.test')
    expect(state.targetText('mine')).toBe('satisfy:\n  # the web server\n  names:\n  - a.test\npriority: 3\n')
  })

  test('changes nothing when nothing asks for it', async () => {
    await want('a.test')
    const before = fake.files.changes
    expect(await unwant('b.test')).toEqual([])
    expect(fake.files.changes).toBe(before)
  })
})

describe('targetFiles', () => {
  beforeEach(async () => {
    await state.writeTarget('web', 'satisfy:\n  names:\n  - www.a.test\n  - a.test\n')
    await state.writeTarget('other', 'satisfy:\n  names:\n  - a.test\n')
  })

  test.each([
    ['web', ['web']],
    ['desired/web', ['web']],
    ['/var/lib/acme/desired/web', ['web']],
    ['www.a.test', ['web']],
    ['a.test', ['other', 'web']],
  ])('%s means %j', (word, meant) => {
    expect(targetFiles(state, [word]).sort()).toEqual(meant)
  })

  test.each([
    ['wbe', 'did you mean "web"?'],
    ['ww.a.test', 'did you mean "www.a.test"?'],
  ])('%s means nothing, and is told so', (word, hint) => {
    expect(() => targetFiles(state, ['web', word])).toThrow(
      expect.objectContaining({ code: 'USAGE', message: `there is no target "${word}"`, hint }),
    )
  })
})

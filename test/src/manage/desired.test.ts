import { beforeEach, describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { addWanted, addWantedCsr, notWanted, removeWanted, targetFiles } from '../../../src/manage/desired.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { csrOf, pemOf } from '../../fakes/csr.js'
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

describe('a name that only a broken file asks for', () => {
  const broken = { code: 'CONFIG', message: expect.stringMatching(/^desired\/.*:2: /) }

  test.each([
    ['www.a.test', 'www.a.test', 'satisfy:\n  names: 7\n'],
    ['www.a.test', 'www.a.test-3fva', 'satisfy:\n  names: 7\n'],
    ['www.a.test', 'mine', 'satisfy:\n  names: [www.a.test, "b..test"]\n'],
    ['*.a.test', 'mine', 'satisfy:\n  names: ["b..test", "*.a.test"]\n'],
  ])('%s, by the file %s, is told the mistake of that file', async (name, file, text) => {
    await want('other.test')
    fake.files.put(`${root}/desired/${file}`, text)
    const hint = expect.stringContaining(`it seems to ask for ${name}: mend it, or remove desired/${file}`)
    expect(notWanted(state, [parseName(name)])).toMatchObject([{ ...broken, hint }])
  })

  test.each(['a.test', 'xwww.a.test', 'www.a.test.example'])('%s is another name', name => {
    fake.files.put(`${root}/desired/mine`, 'satisfy:\n  names: [www.a.test, "b..test"]\n')
    expect(notWanted(state, [parseName(name)])).toMatchObject([{ code: 'USAGE' }])
  })

  test('without conf/target nobody knows who asks for what, and its mistake is told', async () => {
    await want('www.a.test')
    fake.files.put(`${root}/conf/target`, 'priority:\n  high\n')
    const message = expect.stringMatching(/^conf\/target:2: /)
    expect(notWanted(state, [parseName('www.a.test')])).toMatchObject([{ code: 'CONFIG', message }])
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

  test.each(['broken', 'desired/broken'])('%s, a file that is no target, is told its own mistake', async word => {
    await state.writeTarget('broken', 'satisfy:\n  names: [b.test]\nrequest:\n  profile: 7x\n  fallback: b.test\n')
    expect(() => targetFiles(state, [word])).toThrow(
      expect.objectContaining({
        code: 'CONFIG',
        message: expect.stringMatching(/^desired\/broken:5: request\.fallback must/),
      }),
    )
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

describe('addWantedCsr', () => {
  const given = '/home/me/printer.csr'
  const put = (...names: string[]): string => {
    const pem = pemOf(csrOf({ names }))
    fake.files.put(given, pem, 0o666)
    return pem
  }
  const wantCsr = (...names: string[]) => addWantedCsr(fake.world, state, given, names.map(parseName))

  test('writes a target with the names of the request, and keeps a copy of it that all may read', async () => {
    const pem = put('b.test', 'a.test')
    const { file, names } = await wantCsr()
    expect(file).toMatch(/^b\.test-[a-z2-7]{26}$/)
    expect(names).toEqual(['b.test', 'a.test'])
    expect(fake.files.text(`${root}/conf/csr/${file}.pem`)).toBe(pem)
    expect(fake.files.info(`${root}/conf/csr/${file}.pem`)?.mode).toBe(0o644)
    const { targets, problems } = state.targets()
    expect(problems).toEqual([])
    expect(targets).toMatchObject([{ names: ['b.test', 'a.test'], csr: { path: `conf/csr/${file}.pem` } }])
    const before = fake.files.tree(root)
    await state.conform()
    expect(fake.files.tree(root)).toEqual(before)
    expect(fake.said).toEqual([])
  })

  test('a new request for the same names takes the place of the old one', async () => {
    put('a.test', 'b.test')
    const { file } = await wantCsr()
    const pem = put('b.test', 'a.test')
    expect(await wantCsr('a.test', 'b.test')).toMatchObject({ file })
    expect(files()).toEqual([file])
    expect(fake.files.text(`${root}/conf/csr/${file}.pem`)).toBe(pem)
  })

  test.each<[string, () => unknown, string[], string, RegExp]>([
    ['a file that is not there', () => undefined, [], 'CONFIG', /^\/home\/me\/printer\.csr: it cannot be read/],
    [
      'no request',
      () => fake.files.put(given, 'x'),
      [],
      'CONFIG',
      /^\/home\/me\/printer\.csr: it is neither PEM nor DER/,
    ],
    ['other names', () => put('a.test'), ['b.test'], 'USAGE', /is a request for a\.test, not for b\.test/],
    ['an underscore', () => put('a_b.test'), [], 'USAGE', /a_b\.test has an underscore/],
  ])('%s is refused, and nothing is written', async (_, prepare, names, code, message) => {
    prepare()
    const before = fake.files.tree(root)
    await expect(wantCsr(...names)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(fake.files.tree(root)).toEqual(before)
  })

  test('names that are wanted already, with a key of ours or by a request elsewhere, stay as they are', async () => {
    put('a.test')
    await want('a.test')
    await expect(wantCsr()).rejects.toMatchObject({ code: 'USAGE', hint: 'dns01 unwant a.test, then again' })
    await unwant('a.test')
    await state.writeTarget('own', `request: {csr: /etc/own.csr}\n`)
    fake.files.put('/etc/own.csr', pemOf(csrOf({ names: ['a.test'] })))
    await expect(wantCsr()).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining('/etc/own.csr') })
  })

  test('is unwanted as a whole, copy and all', async () => {
    put('a.test', 'b.test')
    await wantCsr()
    const before = fake.files.tree(root)
    await expect(unwant('a.test')).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('together'),
    })
    expect(fake.files.tree(root)).toEqual(before)
    await unwant('a.test', 'b.test')
    expect(fake.files.tree(root).filter(line => /^file/.test(line))).toEqual([])
  })

  test('one by a path of its own is unwanted as a whole, too; what lies there is left', async () => {
    put('a.test')
    fake.files.give(given, { mode: 0o644 })
    await state.writeTarget('own', `request: {csr: ${given}}\n`)
    await unwant('a.test')
    expect(files()).toEqual([])
    expect(fake.files.info(given)).toBeDefined()
  })
})

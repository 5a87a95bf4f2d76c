import { beforeEach, expect, test } from 'vitest'
import { exportFormat, exportTo, findCertificate, passphraseFor } from '../../../src/manage/export.js'
import { placePlaceholders, unlinkedOf } from '../../../src/renew/placeholder.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

let fake: StateWorld
let state: StateDir

beforeEach(async () => {
  fake = stateWorld()
  fake.files.put('/s/desired/one', "satisfy: {names: ['*.a.test', a.test]}\n")
  fake.files.put('/out/there', '')
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
  const held = { targets: state.targets().targets, links: state.links() }
  await placePlaceholders(fake.world, state, unlinkedOf(['one'], held))
})

const write = (to: string, what = 'a.test', format = exportFormat('pem')) =>
  exportTo(fake.world, state, {
    ...findCertificate(state, what),
    ...{ format, passphrase: 'sesame', legacy: false, to },
  })

test('into a folder by the name, or to a file; for nobody else to read', async () => {
  const [id] = state.links().values()
  expect(await write('/out')).toEqual(['/out/a.test.pem'])
  expect(await write('/out', '*.a.test')).toEqual(['/out/_.a.test.pem'])
  expect(await write('/out', id)).toEqual(['/out/_.a.test.pem'])
  expect(await write('/out/web')).toEqual(['/out/web'])
  expect(await write('/out', 'A.test.', 'der')).toEqual(['/out/a.test.der', '/out/a.test.key.der'])
  await expect(write('/out/v1.x/web', 'a.test', 'der')).rejects.toThrow('cannot write')
  for (const file of ['a.test.pem', 'web', 'a.test.key.der'])
    expect(fake.files.info(`/out/${file}`)).toMatchObject({ mode: 0o600 })
  expect(fake.said).toContain('notice: a.test: this is a placeholder, which no CA has signed')
})

test('a file that is there keeps owner and group, but others lose it', async () => {
  fake.files.put('/out/web', 'old', 0o644)
  await fake.files.setRights('/', '/out/web', fake.files.info('/out/web') as never, { uid: 5, gid: 6 })
  await write('/out/web')
  expect(fake.files.info('/out/web')).toMatchObject({ mode: 0o640, uid: 5, gid: 6 })
  expect(fake.said).toContain('notice: /out/web: others could read it; its mode is 0640 now')
})

test.each([
  ['b.test', 'nothing is live for b.test, and no certificate has this id'],
  ['../x', 'nothing is live for ../x'],
])('%s: said, with a suggestion', (what, message) => {
  expect(() => findCertificate(state, what)).toThrow(message)
})

test('a format that there is not is refused with all that there are, as is none', () => {
  expect(() => exportFormat('pfx')).toThrow('--format pfx: there are pem, der, p12, jks, bundle')
  expect(() => exportFormat(undefined)).toThrow('export lacks --format: there are pem, der, p12, jks, bundle')
})

test('the passphrase: from the file, else from a variable, else asked for where a format needs one', async () => {
  fake.files.put('/pass', 'from file\r\n', 0o600)
  fake.files.put('/open', 'x', 0o644)
  const asked: string[] = []
  const secret = async (question: string) => {
    asked.push(question)
    return question.startsWith('The same') && asked.length > 2 ? 'typo' : 'typed'
  }
  const get = (env: Record<string, string>, format: 'pem' | 'p12' | 'bundle', file?: string) =>
    passphraseFor({ ...fake.world, env, prompt: { secret } as never }, { format, file })
  expect(await get({ DNS01_EXPORT_PASSPHRASE: 'env' }, 'p12', '/pass')).toBe('from file')
  expect(await get({ DNS01_EXPORT_PASSPHRASE: 'env' }, 'pem')).toBe('env')
  expect(await get({ DNS01_EXPORT_PASSPHRASE_FILE: '/pass' }, 'p12')).toBe('from file')
  expect(await get({}, 'pem')).toBeUndefined()
  expect(await get({}, 'bundle')).toBeUndefined()
  expect(asked).toEqual([])
  expect(await get({}, 'p12')).toBe('typed')
  await expect(get({}, 'p12')).rejects.toThrow('are not the same')
  await expect(get({}, 'p12', '/open')).rejects.toThrow('everybody can read it')
  expect(await passphraseFor({ ...fake.world, env: {}, prompt: undefined }, { format: 'p12', file: undefined })).toBe(
    undefined,
  )
})

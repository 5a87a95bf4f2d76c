import { expect, test } from 'vitest'
import { Disk } from '../../../src/state/disk.js'
import { MemoryFiles, Stopped } from '../../fakes/memory-files.js'

const random = (count: number): Uint8Array => Uint8Array.from({ length: count }, () => Math.floor(Math.random() * 256))
const open = (files: MemoryFiles) => new Disk({ files, random }, '/var/lib/acme')

/** Makes a change with a stop at every one of its steps, and a power loss after; `check` sees what is left. */
async function everyStop(
  before: (files: MemoryFiles) => void,
  act: (files: MemoryFiles) => Promise<unknown>,
  check: (files: MemoryFiles, done: boolean) => void,
): Promise<void> {
  for (let k = 0, done = false; !done; k++) {
    const files = new MemoryFiles()
    before(files)
    files.stopAt = k
    done = await act(files).then(
      () => true,
      error => {
        if (!(error instanceof Stopped)) throw error
        return false
      },
    )
    files.restart()
    check(files, done)
    files.losePower(() => Math.random() < 0.5)
    check(files, done)
    files.losePower()
    check(files, done)
  }
}

test('writes a file with its folders, in the modes of the rules', async () => {
  const files = new MemoryFiles()
  await open(files).writeFile('keys/K/privkey', 'secret')
  expect(files.tree('/var/lib/acme')).toEqual([
    'folder 700 keys',
    'folder 700 keys/K',
    'file 600 keys/K/privkey',
    'folder 700 tmp',
  ])
})

test('replaces a file by the whole new one or not at all', () =>
  everyStop(
    files => files.put('/var/lib/acme/desired/x', 'old'),
    files => open(files).writeFile('desired/x', 'new'),
    (files, done) => expect(done ? ['new'] : ['old', 'new']).toContain(files.text('/var/lib/acme/desired/x')),
  ))

test('places a folder whole or not at all', () =>
  everyStop(
    files => files.putFolder('/var/lib/acme/certs'),
    files =>
      open(files).placeFolder('certs/C', { account: { linkTo: '../../accounts/A' }, url: { bytes: 'https://ca' } }),
    (files, done) => {
      const there = files.info('/var/lib/acme/certs/C') !== undefined
      if (done) expect(there).toBe(true)
      if (there)
        expect([files.text('/var/lib/acme/certs/C/url'), files.readLink('/var/lib/acme/certs/C/account')]).toEqual([
          'https://ca',
          '../../accounts/A',
        ])
    },
  ))

test('leaves a folder that is there already', async () => {
  const files = new MemoryFiles()
  expect(await open(files).placeFolder('keys/K', { privkey: { bytes: 'one' } })).toBe(true)
  expect(await open(files).placeFolder('keys/K', { privkey: { bytes: 'two' } })).toBe(false)
  expect(files.text('/var/lib/acme/keys/K/privkey')).toBe('one')
})

test('removes a folder at once', () =>
  everyStop(
    files => {
      files.put('/var/lib/acme/keys/K/privkey', 'x')
      files.put('/var/lib/acme/keys/K/more', 'x')
    },
    files => open(files).remove('keys/K'),
    (files, done) => {
      const there = files.info('/var/lib/acme/keys/K') !== undefined
      if (done) expect(there).toBe(false)
      if (there) expect(files.list('/var/lib/acme/keys/K')).toHaveLength(2)
    },
  ))

test('points a link at the old place or the new, never at none', () =>
  everyStop(
    files => files.putLink('/var/lib/acme/live/x', '../certs/A'),
    files => open(files).pointLink('live/x', '../certs/B'),
    (files, done) =>
      expect(done ? ['../certs/B'] : ['../certs/A', '../certs/B']).toContain(files.readLink('/var/lib/acme/live/x')),
  ))

test.each([
  ['ENOSPC', /the disk is full \(ENOSPC\)/, /free some space/],
  ['EROFS', /the file system is read-only \(EROFS\)/, /--state/],
  [
    'EACCES',
    /permission denied/,
    /^run as the user who owns the state directory, mostly root, or choose another one with --state$/,
  ],
  ['EWEIRD', /EWEIRD/, /^$/],
])('%s is STATE, says what to do, and leaves nothing in tmp/', async (code, message, hint) => {
  const files = new MemoryFiles({ fail: change => (change === 'write' ? code : undefined) })
  files.putFolder('/var/lib/acme/tmp')
  const error = await open(files)
    .writeFile('conf/target', 'x')
    .catch(e => e)
  expect(error).toMatchObject({ code: 'STATE', message: expect.stringMatching(message) })
  expect(error.message).toContain('writing /var/lib/acme/conf/target')
  expect(error.hint ?? '').toMatch(hint)
  expect(files.list('/var/lib/acme/tmp')).toEqual([])
})

test('says when there is a file where a folder must be', async () => {
  const files = new MemoryFiles()
  files.put('/var/lib/acme', 'a file')
  await expect(open(files).writeFile('conf/target', 'x')).rejects.toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('ENOTDIR'),
  })
})

test('changes nothing when opened for reading', async () => {
  const files = new MemoryFiles()
  await expect(new Disk({ files, random }, '/s', { readOnly: true }).makeFolder('x')).rejects.toThrow(
    'for reading only',
  )
  expect(files.changes).toBe(0)
})

test('below a file, and below a link to itself, there is nothing', () => {
  const files = new MemoryFiles()
  files.put('/var/lib/acme/keys/K', 'x')
  files.putLink('/var/lib/acme/keys/L', 'L')
  expect([open(files).info('keys/K/privkey'), open(files).info('keys/L/privkey')]).toEqual([undefined, undefined])
})

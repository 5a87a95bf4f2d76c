// Whom a file that request.csr names may belong to: whoever can change it decides which key gets a certificate.
import { expect, test } from 'vitest'
import { readCsrFile } from '../../../src/state/csr-file.js'
import { longestCsrBytes } from '../../../src/x509/read-csr.js'
import { csrOf, pemOf } from '../../fakes/csr.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { stateWorld } from '../../fakes/state-world.js'

const pem = pemOf(csrOf({ names: ['a.test'] }))

/** Paths of files, and who owns what. */
function read(path: string, rights: Readonly<Record<string, { uid?: number; mode?: number }>> = {}, root = '/s') {
  const files = new MemoryFiles()
  files.putFolder(`${root}/conf/csr`)
  for (const file of [`${root}/conf/csr/x.pem`, '/etc/x.csr', '/home/me/x.csr']) files.put(file, pem)
  files.put('/etc/big.csr', 'x'.repeat(longestCsrBytes + 1))
  files.putLink(`${root}/conf/csr/link`, '/home/me/x.csr')
  for (const [file, right] of Object.entries(rights)) files.give(file, right)
  return readCsrFile(stateWorld(files).world, root, path)
}

test.each<[string, string, Parameters<typeof read>[1], string?]>([
  ['relative to the state directory', 'conf/csr/x.pem', {}],
  ['an absolute path', '/etc/x.csr', {}],
  ["the state directory is somebody else's, who may change targets as well", 'conf/csr/x.pem', { '/s': { uid: 7 } }],
  ['so are the files in it', 'conf/csr/x.pem', { '/s/conf/csr/x.pem': { uid: 7 } }],
  ['it lies beside the state directory', '/home/me/x.csr', { '/home/me': { uid: 7 } }, '/home/me/acme'],
])('%s: read', (_, path, rights, root) => {
  expect(read(path, rights, root)).toMatchObject({ path, names: ['a.test'] })
})

test.each<[string, string, Parameters<typeof read>[1], RegExp]>([
  ['nothing there', 'conf/csr/y.pem', {}, /cannot be read/],
  ['too long', '/etc/big.csr', {}, /bytes long: too much/],
  ['everybody may change it', '/etc/x.csr', { '/etc/x.csr': { mode: 0o666 } }, /but it may be changed by everybody/],
  ["it is a stranger's", '/home/me/x.csr', { '/home/me/x.csr': { uid: 7 } }, /but it belongs to user 7/],
  ["its folder is a stranger's", '/home/me/x.csr', { '/home/me': { uid: 7 } }, /but \/home\/me belongs to user 7/],
  ['a link out of the state directory', 'conf/csr/link', { '/home/me': { uid: 7 } }, /but \/home\/me belongs to/],
])('%s: refused', (_, path, rights, message) => {
  expect(() => read(path, rights)).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }),
  )
})

test('one that we may not even look for is the trouble of its target, not a bug', () => {
  const files = new MemoryFiles()
  files.info = () => {
    throw Object.assign(new Error("EACCES: permission denied, lstat '/root/x.csr'"), { code: 'EACCES' })
  }
  expect(() => readCsrFile(stateWorld(files).world, '/s', '/root/x.csr')).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('it cannot be read: EACCES') }),
  )
})

test('one that cannot be read says what to do', () => {
  expect(() => read('conf/csr/y.pem', {})).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('put it there') }),
  )
})

import { execFileSync } from 'node:child_process'
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { FileInfo, Files } from '../../../src/core/world.js'
import { openFiles } from '../../../src/platform/files.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { newFolder } from '../../folder.js'

let folder: string
beforeEach(() => {
  folder = newFolder('files')
})

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const code = (act: () => unknown): unknown => {
  try {
    return act()
  } catch (error) {
    return (error as { code?: string }).code
  }
}
const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'fine',
    error => error.code,
  )

/** The real disk and the fake one must not be told apart by the code that uses them. */
describe.each([
  ['real', () => ({ files: openFiles(), root: folder })],
  [
    'memory',
    () => {
      const files = new MemoryFiles()
      files.putFolder('/r')
      return { files, root: '/r' }
    },
  ],
] as const)('%s files', (_, make) => {
  let files: Files
  let at: (path: string) => string
  beforeEach(() => {
    const made = make()
    files = made.files
    at = path => join(made.root, path)
  })
  const seen = (path: string): FileInfo => files.info(at(path)) as FileInfo

  test('creates with the exact mode, whatever the umask, and never overwrites', async () => {
    const before = process.umask(0o077)
    try {
      await files.makeFolder(at('d'), 0o755)
      await files.writeNew(at('d/f'), bytes('x'), 0o644)
    } finally {
      process.umask(before)
    }
    expect(files.info(at('d'))).toMatchObject({ kind: 'folder', mode: 0o755 })
    expect(files.info(at('d/f'))).toMatchObject({ kind: 'file', mode: 0o644, sizeBytes: 1 })
    expect(await rejection(files.writeNew(at('d/f'), bytes('y'), 0o600))).toBe('EEXIST')
    expect(await rejection(files.makeFolder(at('d'), 0o700))).toBe('EEXIST')
  })

  test('follows links on the way and in read() only', async () => {
    await files.makeFolder(at('d'), 0o700)
    await files.writeNew(at('d/f'), bytes('text'), 0o600)
    await files.symlink('d', at('to-d'))
    await files.symlink('d/f', at('to-f'))
    expect(Buffer.from(files.read(at('to-f'))).toString()).toBe('text')
    expect(files.info(at('to-d/f'))?.kind).toBe('file')
    expect(files.info(at('to-f'))?.kind).toBe('link')
    expect(files.readLink(at('to-f'))).toBe('d/f')
    expect(code(() => files.readLink(at('d/f')))).toBe('EINVAL')
    expect(files.list(at('.')).map(e => `${e.kind} ${e.name}`)).toEqual(['folder d', 'link to-d', 'link to-f'])
  })

  test('says what is missing or in the way as node does', async () => {
    await files.writeNew(at('f'), bytes(''), 0o600)
    expect(files.info(at('none'))).toBeUndefined()
    expect(code(() => files.list(at('none')))).toBe('ENOENT')
    expect(code(() => files.list(at('f')))).toBe('ENOTDIR')
    expect(code(() => files.info(at('f/x')))).toBe('ENOTDIR')
    expect(code(() => files.read(at('.')))).toBe('EISDIR')
    expect(await rejection(files.remove(at('none')))).toBe('ENOENT')
    expect(await rejection(files.rename(at('none'), at('x')))).toBe('ENOENT')
    expect(await rejection(files.writeNew(at('none/x'), bytes(''), 0o600))).toBe('ENOENT')
  })

  test('renames over what is there, but not over a folder with something in it', async () => {
    for (const name of ['a', 'b', 'full', 'empty']) await files.makeFolder(at(name), 0o700)
    await files.writeNew(at('full/f'), bytes('1'), 0o600)
    await files.rename(at('a'), at('empty'))
    expect(await rejection(files.rename(at('b'), at('full')))).toBe('ENOTEMPTY')
    expect(await rejection(files.remove(at('full')))).toBe('ENOTEMPTY')
    await files.writeNew(at('g'), bytes('2'), 0o600)
    await files.rename(at('g'), at('full/f'))
    await files.syncFolder(at('full'))
    expect(Buffer.from(files.read(at('full/f'))).toString()).toBe('2')
    await files.remove(at('full/f'))
    await files.remove(at('full'))
    expect(files.list(at('.')).map(e => e.name)).toEqual(['b', 'empty'])
  })

  test('gives a file a second name only if that is free', async () => {
    await files.writeNew(at('f'), bytes('1'), 0o600)
    await files.hardLink(at('f'), at('g'))
    expect(await rejection(files.hardLink(at('f'), at('g')))).toBe('EEXIST')
    // POSIX: two names of one file; the rename does nothing
    await files.rename(at('f'), at('g'))
    expect(files.list(at('.')).map(e => e.name)).toEqual(['f', 'g'])
  })

  test('changes modes and owners of what was looked at', async () => {
    await files.writeNew(at('f'), bytes('1'), 0o600)
    await files.makeFolder(at('d'), 0o755)
    await files.setRights(at('.'), at('f'), seen('f'), { mode: 0o640 })
    await files.setRights(at('.'), at('d'), seen('d'), { mode: 0o700 })
    expect([seen('f').mode, seen('d').mode]).toEqual([0o640, 0o700])
  })

  test('changes no rights of what has taken its place, of what has a second name, of nothing', async () => {
    await files.writeNew(at('f'), bytes('1'), 0o600)
    const before = seen('f')
    await files.writeNew(at('g'), bytes('2'), 0o600)
    await files.rename(at('g'), at('f'))
    const change = { mode: 0o644 }
    expect(await rejection(files.setRights(at('.'), at('f'), before, change))).toBe('ESTALE')
    await files.hardLink(at('f'), at('h'))
    expect(await rejection(files.setRights(at('.'), at('f'), seen('f'), change))).toBe('EMLINK')
    expect(seen('f')).toMatchObject({ mode: 0o600, links: 2 })
    await files.remove(at('f'))
    expect(await rejection(files.setRights(at('.'), at('f'), before, change))).toBe('ENOENT')
  })

  test('tells rights and text of one and the same file, and follows no link to it', async () => {
    const text = `größer ${'x'.repeat(70_000)}`
    await files.writeNew(at('f'), bytes(text), 0o640)
    await files.writeNew(at('empty'), bytes(''), 0o600)
    await files.makeFolder(at('d'), 0o700)
    await files.symlink('f', at('to-f'))
    expect(files.readWithInfo(at('f'))).toEqual({ info: seen('f'), text })
    expect(files.readWithInfo(at('empty'))).toEqual({ info: seen('empty'), text: '' })
    const failures = ['to-f', 'd', 'none'].map(name => code(() => files.readWithInfo(at(name))))
    expect(failures).toEqual(['ELOOP', 'EISDIR', 'ENOENT'])
  })

  test('lists in byte order', async () => {
    for (const name of ['b', 'B', 'ä', '😀', '\uff41', 'a-b', 'a.b']) await files.writeNew(at(name), bytes(''), 0o600)
    expect(files.list(at('.')).map(e => e.name)).toEqual(['B', 'a-b', 'a.b', 'b', 'ä', '\uff41', '😀'])
  })
})

test('reads a FIFO or a device not at all where a plain file must be, and waits for no writer', () => {
  execFileSync('/usr/bin/mkfifo', [join(folder, 'fifo')])
  expect(code(() => openFiles().readPlain(join(folder, 'fifo')))).toBe('EFTYPE')
  expect(code(() => openFiles().readPlain('/dev/null'))).toBe('EFTYPE')
  expect(code(() => openFiles().readWithInfo(join(folder, 'fifo')))).toBe('EFTYPE')
  expect(code(() => openFiles().readWithInfo('/dev/null'))).toBe('EFTYPE')
  expect(code(() => openFiles().readPlain(folder))).toBe('EISDIR')
  writeFileSync(join(folder, 'f'), 'text')
  expect(Buffer.from(openFiles().readPlain(join(folder, 'f'))).toString()).toBe('text')
})

test.skipIf(process.platform !== 'linux')('changes no rights by way of a link below the root', async () => {
  mkdirSync(join(folder, 'elsewhere'))
  mkdirSync(join(folder, 'root'))
  writeFileSync(join(folder, 'elsewhere/f'), 'x', { mode: 0o600 })
  symlinkSync('../elsewhere', join(folder, 'root/d'))
  const [root, path] = [join(folder, 'root'), join(folder, 'root/d/f')]
  const seen = openFiles().info(path) as FileInfo
  expect(await rejection(openFiles().setRights(root, path, seen, { mode: 0o644 }))).toBe('ESTALE')
  expect(await rejection(openFiles().setRights(root, join(root, 'd'), { ...seen, kind: 'folder' }, {}))).toBe('ELOOP')
  // the root itself may be one: it is the user's choice
  symlinkSync('elsewhere', join(folder, 'to-root'))
  await openFiles().setRights(join(folder, 'to-root'), join(folder, 'to-root/f'), seen, { mode: 0o640 })
  expect(openFiles().info(path)?.mode).toBe(0o640)
})

test('tells a socket or device from a file, and times as they are', () => {
  expect(openFiles().info('/dev/null')?.kind).toBe('other')
  writeFileSync(join(folder, 'f'), '')
  expect(openFiles().info(join(folder, 'f'))?.changedAt).toEqual(statSync(join(folder, 'f')).mtime)
})

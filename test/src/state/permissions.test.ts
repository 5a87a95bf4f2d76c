import { describe, expect, test } from 'vitest'
import { ownersFrom, parsePermissions, permissions } from '../../../src/state/permissions.js'

const owners = ownersFrom('root:x:0:0::/:/bin/sh\nwww:x:33:33::/:\n', 'root:x:0:\nssl-cert:x:110:www\n', {
  uid: 7,
  gid: 8,
})
const modes = (text: string, path: string): string => {
  const rule = parsePermissions(text, owners).permissions.of(path)
  return `${rule.fileMode.toString(8)} ${rule.folderMode.toString(8)}`
}

describe('built-in modes', () => {
  test.each([
    ['.', '644 755'],
    ['accounts/SERVER/KEY/privkey', '600 700'],
    ['keys/KEY', '600 700'],
    ['certs/C/url', '644 755'],
    ['certs/C/haproxy', '600 700'],
    ['haproxy/x', '644 755'],
    ['tmp/x', '600 700'],
    ['.dns01/journal/x.json', '600 700'],
  ])('%s: %s', (path, expected) => {
    const rule = permissions().of(path)
    expect(`${rule.fileMode.toString(8)} ${rule.folderMode.toString(8)}`).toBe(expected)
  })
})

describe('conf/perm', () => {
  test.each([
    ['keys 0640 0750\n', 'keys/K/privkey', '640 750'],
    ['keys/*/privkey 640 750\n', 'keys/K/privkey', '640 750'],
    ['keys/*/privkey 640 750\n', 'keys/K', '600 700'],
    ['# no\n\n  certs/*/haproxy inherit  \n', 'certs/C/haproxy', '644 755'],
    // the deepest level decides before the longest text does
    ['certs/* 600 700\ncerts/*/haproxy inherit\ncerts 640 750\n', 'certs/C/haproxy', '600 700'],
    // of several at one level the longest text
    ['k* 604 705\nkeys 640 750\n', 'keys/K/privkey', '640 750'],
    ['keys inherit\nk* 604 705\n', 'keys/K/privkey', '604 705'],
    ['keys inherit\n', 'keys/K/privkey', '644 755'],
    ['live/[a-c]? 604 705\n', 'live/bx', '604 705'],
    ['live/[a-c]? 604 705\n', 'live/dx', '644 755'],
    ['live/a.b 604 705\n', 'live/aXb', '644 755'],
    ['*/x 604 705\n', 'certs/C/x', '644 755'],
  ])('%j %s', (text, path, expected) => expect(modes(text, path)).toBe(expected))

  test('names owners by name, number, $r or not at all', () => {
    const of = (line: string) => parsePermissions(`keys 640 750 ${line}\n`, owners).permissions.of('keys/K/privkey')
    expect(of('root ssl-cert')).toMatchObject({ uid: 0, gid: 110 })
    expect(of('33 110')).toMatchObject({ uid: 33, gid: 110 })
    expect(of('$r $r')).toMatchObject({ uid: 7, gid: 8 })
    expect(of('- ssl-cert')).toMatchObject({ uid: undefined, gid: 110 })
    expect(of('')).toMatchObject({ uid: undefined, gid: undefined })
  })

  test.each([
    ['keys 640\n', 'conf/perm:1: cannot read this'],
    ['\nkeys 640 750 root\n', 'conf/perm:2: cannot read this'],
    ['keys 890 750\n', 'cannot read this'],
    ['keys 640 750\nkeys/ inherit\n', 'conf/perm:2: there is a line for keys already'],
    ['/etc 640 750\n', 'not below the state directory'],
    ['a/../../etc 640 750\n', 'not below the state directory'],
    ['desired 4755 0755\n', 'conf/perm:1: the mode of files is at most 0777'],
    ['desired 2755 0755\n', 'conf/perm:1: the mode of files is at most 0777'],
    ['\ndesired 0755 4755\n', 'conf/perm:2: the mode of folders is at most 2777'],
    ['desired 0755 1777\n', 'conf/perm:1: the mode of folders is at most 2777'],
    ['keys 640 750 nobody-here root\n', 'there is no user nobody-here'],
    ['keys 640 750 root nobody-here\n', 'there is no group nobody-here'],
  ])('stops at %j', (text, message) => {
    expect(() => parsePermissions(text, owners)).toThrow(message)
    expect(() => parsePermissions(text, owners)).toThrow(expect.objectContaining({ code: 'CONFIG' }))
  })

  test.each<[running: number, directory: number, line: string, refused: boolean]>([
    [0, 33, 'desired 755 755 root root', true],
    [0, 33, 'desired 755 755 0 -', true],
    [0, 33, 'desired 755 755 $r $r', true],
    [0, 33, 'desired 755 755 33 root', false],
    [0, 33, 'desired 755 755 - root', false],
    [0, 0, 'desired 755 755 root root', false],
    [33, 33, 'desired 755 755 root root', false],
  ])('user %i in a directory of user %i makes no file root’s: %s %s', (uid, directory, line, refused) => {
    const parse = () => parsePermissions(`${line}\n`, { ...owners, running: { uid, gid: uid }, directory })
    if (refused) expect(parse).toThrow(/conf\/perm:1: the directory belongs to user 33/)
    else expect(parse).not.toThrow()
  })

  test('obeys a last line without newline, which acmetool ignores, and says so', () => {
    const { permissions: found, warnings } = parsePermissions('# x\nkeys 640 750', owners)
    expect(found.of('keys').folderMode).toBe(0o750)
    expect(warnings).toEqual([expect.stringContaining('conf/perm:2: no newline')])
    expect(parsePermissions('keys 640 750\n# end', owners).warnings).toEqual([])
  })
})

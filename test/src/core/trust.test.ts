import { describe, expect, test } from 'vitest'
import { startsPrograms, weakness } from '../../../src/core/trust.js'
import { MemoryFiles } from '../../fakes/memory-files.js'

/** A disk with these files, folders (/) and links (->), each `uid:gid mode`; what is not named belongs to root, 0755. */
function disk(entries: Readonly<Record<string, string>>): MemoryFiles {
  const files = new MemoryFiles()
  for (const [path, said] of Object.entries(entries)) {
    const [, uid, gid, mode = '755', target = ''] = said.match(/^(\d+):(\d+)(?: (\d+))?(?: -> (.+))?$/) ?? []
    if (target !== '') files.putLink(path, target)
    else if (path.endsWith('/')) files.putFolder(path.slice(0, -1), Number.parseInt(mode, 8))
    else files.put(path, '', Number.parseInt(mode, 8))
    const place = path.replace(/\/$/, '')
    files.give(place, { uid: Number(uid), gid: Number(gid) })
  }
  return files
}

const root = { uid: 0, gid: 0 }
const acme = { uid: 1000, gid: 1000 }

describe('what leads to a hook', () => {
  type Row = [what: string, entries: Record<string, string>, asRoot: string, asAcme: string]
  const h = '/etc/h'
  test.each<Row>([
    ['of root alone', { [h]: '0:0' }, '', ''],
    ['of nobody', { [h]: '65534:0' }, '/etc/h belongs to user 65534', '/etc/h belongs to user 65534'],
    ['of acme', { [h]: '1000:1000' }, '/etc/h belongs to user 1000', ''],
    ["writable for root's group", { [h]: '0:0 775' }, '', ''],
    ["writable for acme's own group", { [h]: '0:1000 775' }, '/etc/h may be changed by group 1000', ''],
    [
      'writable for another group',
      { [h]: '0:33 775' },
      '/etc/h may be changed by group 33',
      '/etc/h may be changed by group 33',
    ],
    [
      'writable for all',
      { [h]: '0:0 757' },
      '/etc/h may be changed by everybody',
      '/etc/h may be changed by everybody',
    ],
    ['readable for all in any group', { [h]: '0:33 755' }, '', ''],
    [
      'below a folder of nobody',
      { '/etc/': '65534:0', [h]: '0:0' },
      '/etc belongs to user 65534',
      '/etc belongs to user 65534',
    ],
    [
      'below a folder of a group',
      { '/etc/': '0:33 775', [h]: '0:0' },
      '/etc may be changed by group 33',
      '/etc may be changed by group 33',
    ],
    ['below a sticky folder of all', { '/etc/': '0:0 1777', [h]: '0:0' }, '', ''],
    [
      "below a sticky folder of all, but nobody's",
      { '/etc/': '0:0 1777', [h]: '65534:0' },
      '/etc/h belongs to user 65534',
      '/etc/h belongs to user 65534',
    ],
    [
      'a sticky folder of all itself',
      { '/etc/h/': '0:0 1777' },
      '/etc/h may be changed by everybody',
      '/etc/h may be changed by everybody',
    ],
    [
      'behind a link, of nobody',
      { [h]: '0:0 -> ../srv/h', '/srv/h': '65534:0' },
      '/srv/h belongs to user 65534',
      '/srv/h belongs to user 65534',
    ],
    [
      'behind a link into a folder of all',
      { [h]: '0:0 -> /srv/open/h', '/srv/open/': '0:0 777', '/srv/open/h': '0:0' },
      '/srv/open may be changed by everybody',
      '/srv/open may be changed by everybody',
    ],
    [
      'behind a folder that is a link',
      { '/etc': '0:0 -> /srv/etc', '/srv/': '65534:0', '/srv/etc/h': '0:0' },
      '/srv belongs to user 65534',
      '/srv belongs to user 65534',
    ],
    ["a link of nobody in root's folder", { [h]: '65534:0 -> /srv/h', '/srv/h': '0:0' }, '', ''],
    [
      'a link of nobody in a sticky folder',
      { '/etc/': '0:0 1777', [h]: '65534:0 -> /srv/h', '/srv/h': '0:0' },
      '/etc/h belongs to user 65534',
      '/etc/h belongs to user 65534',
    ],
    ['nothing', {}, '', ''],
    ['a link to nothing', { [h]: '0:0 -> /nowhere' }, '', ''],
    ['a link to itself', { [h]: '0:0 -> h' }, '', ''],
  ])('%s', (_, entries, asRoot, asAcme) => {
    const files = disk(entries)
    const told = [root, acme].map(who => {
      const found = weakness(
        { files, self: { ...who, pid: 1, pidNamespace: '', host: '', program: [], alive: () => true } },
        h,
      )
      return found ? `${found.path} ${found.why}` : ''
    })
    expect(told).toEqual([asRoot, asAcme])
  })

  test('comes with the command that corrects it', () => {
    const self = { ...root, pid: 1, pidNamespace: '', host: '', program: [], alive: () => true }
    const hint = (owner: string) => weakness({ files: disk({ '/h': owner }), self }, '/h')?.hint
    expect(hint('1000:0')).toBe('chown root /h')
    expect(hint('0:33 775')).toBe('chmod g-w /h')
    expect(hint('0:0 757')).toBe('chmod o-w /h')
  })
})

test.each<[env: Record<string, string>, settings: Record<string, string>, starts: boolean]>([
  [{}, {}, false],
  [{}, { 'zone-id': 'Z1', nameserver: '192.0.2.1' }, false],
  [{}, { command: '/bin/x' }, true],
  [{}, { 'cleanup-command': '/bin/x' }, true],
  [{}, { module: 'acme-dns-01-x' }, true],
  [{}, { folder: '/srv' }, true],
  [{}, { folders: '/srv/hooks' }, true],
  [{ LD_PRELOAD: '/x.so' }, {}, true],
])('variables %j and settings %j start programs: %s', (env, settings, starts) => {
  expect(startsPrograms({ env, dns: { settings } })).toBe(starts)
})

test('what conf/target hands down does not count for a target; what the target changes does', () => {
  const handed = { env: { KEY: 'a' }, dns: { settings: { command: '/bin/x' } } }
  expect(startsPrograms(handed, handed)).toBe(false)
  expect(startsPrograms({ ...handed, env: { KEY: 'b' } }, handed)).toBe(true)
  expect(startsPrograms({ ...handed, dns: { settings: { command: '/bin/y' } } }, handed)).toBe(true)
})

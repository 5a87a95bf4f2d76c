import { beforeEach, describe, expect, test } from 'vitest'
import { StateDir } from '../../../src/state/state-dir.js'
import type { KeyPair } from '../../../src/x509/keys.js'
import { ecKey, names, selfSigned } from '../../fakes/certificates.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const ROOT = '/var/lib/acme'
const CA = 'https://ca.test/dir'

let fake: StateWorld
let state: StateDir
const key: KeyPair = ecKey()
const account: KeyPair = ecKey()
const at = (path: string): string => `${ROOT}/${path}`

beforeEach(async () => {
  fake = stateWorld()
  state = await StateDir.open(fake.world, ROOT)
})

async function anOrder(url = 'https://ca.test/order/1'): Promise<string> {
  await state.addKey(key)
  return state.addOrder({ url, accountId: await state.addAccount(CA, account), keyId: key.id })
}

describe('open', () => {
  test('makes nothing', async () => {
    expect(fake.files.changes).toBe(0)
    expect([state.certificates(), state.accounts(), [...state.keyIds()], [...state.links()]]).toEqual([[], [], [], []])
    expect(state.targets()).toEqual({ targets: [], problems: [] })
  })

  test('follows a link to where the directory really is', async () => {
    fake.files.putFolder('/srv/acme')
    fake.files.putLink('/lib/acme', '../srv/acme')
    expect((await StateDir.open(fake.world, '/lib/acme')).root).toBe('/srv/acme')
  })

  test('refuses a file, with a hint', async () => {
    fake.files.put('/a', 'x')
    await expect(StateDir.open(fake.world, '/a')).rejects.toMatchObject({
      code: 'STATE',
      message: 'the state directory /a is a file',
      hint: expect.stringContaining('--state'),
    })
  })

  test('says when it cannot be read', async () => {
    fake.files.list = () => {
      throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    }
    await expect(StateDir.open(fake.world, ROOT)).rejects.toMatchObject({
      code: 'STATE',
      message: `listing ${ROOT}: permission denied (EACCES)`,
    })
  })

  test('stops at a mistake in conf/perm', async () => {
    fake.files.put(at('conf/perm'), 'keys 9\n')
    await expect(StateDir.open(fake.world, ROOT)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('conf/perm:1'),
    })
  })

  test('changes nothing when only reading', async () => {
    const reader = await StateDir.open(fake.world, ROOT, { readOnly: true })
    await expect(reader.addKey(key)).rejects.toThrow('for reading only')
    expect(fake.files.changes).toBe(0)
  })
})

describe('keys and accounts', () => {
  test('are kept as acmetool keeps them', async () => {
    await state.addKey(key)
    const id = await state.addAccount(CA, account)
    expect(id).toBe(`ca.test%2fdir/${account.id}`)
    expect(fake.files.tree(ROOT)).toEqual([
      'folder 700 accounts',
      'folder 700 accounts/ca.test%2fdir',
      `folder 700 accounts/${id}`,
      `file 600 accounts/${id}/privkey`,
      'folder 700 keys',
      `folder 700 keys/${key.id}`,
      `file 600 keys/${key.id}/privkey`,
      'folder 700 tmp',
    ])
    expect(fake.files.text(at(`keys/${key.id}/privkey`))).toBe(key.pem)
    expect(state.key(key.id)).toEqual(key)
    expect(state.accountKey(id)).toEqual(account)
    expect(state.accounts()).toEqual([{ id, server: 'ca.test%2fdir', keyId: account.id }])
    await state.removeKey(key.id)
    expect(state.keyIds()).toEqual(new Set())
  })

  test('twice is the same as once', async () => {
    await state.addKey(key)
    const { changes } = fake.files
    await state.addKey(key)
    expect(fake.files.changes).toBe(changes)
  })

  test('refuses a key under a wrong name, and names the file of one that cannot be read', async () => {
    fake.files.put(at(`keys/${account.id}/privkey`), key.pem)
    expect(() => state.key(account.id)).toThrow(
      expect.objectContaining({ code: 'STATE', message: expect.stringContaining('holds another key') }),
    )
    fake.files.put(at(`keys/${account.id}/privkey`), 'junk')
    expect(() => state.key(account.id)).toThrow(`keys/${account.id}/privkey: no PEM private key`)
  })

  test('can be group-readable by conf/perm from the first byte', async () => {
    fake.files.put(at('conf/perm'), 'keys/*/privkey 0640 0750 - ssl-cert\n')
    fake.files.put('/etc/group', 'ssl-cert:x:110:\n')
    state = await StateDir.open(fake.world, ROOT)
    const modes: string[] = []
    fake.files.options = {
      ...fake.files.options,
      changed: (change, path) => void modes.push(`${change} ${(fake.files.info(path)?.mode ?? 0).toString(8)} ${path}`),
    }
    await state.addKey(key)
    expect(fake.files.info(at(`keys/${key.id}/privkey`))).toMatchObject({ mode: 0o640, gid: 110 })
    expect(modes.filter(line => line.includes('/tmp/') && line.endsWith('/privkey'))).toEqual([
      expect.stringMatching(/^create 640/),
      expect.stringMatching(/^write 640/),
      expect.stringMatching(/^chown 640/),
    ])
  })
})

describe('certificates', () => {
  test('one that cannot be read does not stop the others', async () => {
    const id = await anOrder()
    const broken = 'b'.repeat(52)
    fake.files.putLink(at(`certs/${broken}/url`), 'url')
    expect(state.certificates().map(one => one.id)).toEqual([id])
    expect(fake.said).toEqual([expect.stringContaining(`certs/${broken} is left out: `)])
  })

  test('an order is remembered whole, with relative links and no newline', async () => {
    const id = await anOrder('https://localhost:14000/my-order/abc')
    expect(id).toBe('lpqh7ol3lxj225wrkahxrifvylbxjcrp3fff4pd4sgroqjgucwwq')
    expect(fake.files.tree(at('certs'))).toEqual([
      `folder 755 ${id}`,
      `link ${id}/account -> ../../accounts/ca.test%2fdir/${account.id}`,
      `link ${id}/privkey -> ../../keys/${key.id}/privkey`,
      `file 644 ${id}/url`,
    ])
    expect(fake.files.text(at(`certs/${id}/url`))).toBe('https://localhost:14000/my-order/abc')
    expect(state.certificates()).toEqual([
      {
        id,
        url: 'https://localhost:14000/my-order/abc',
        facts: undefined,
        complete: false,
        revoked: false,
        revokeWanted: false,
        accountId: `ca.test%2fdir/${account.id}`,
        keyId: key.id,
        hasKey: true,
      },
    ])
  })

  test('is stored, goes live, and tells what it is', async () => {
    const id = await anOrder()
    await expect(state.pointLive('www.test', id)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('not complete'),
    })
    const { cert } = await selfSigned(key, ['www.test', '*.www.test'])
    await state.storeCertificate(id, { cert, chain: cert })
    expect(fake.files.text(at(`certs/${id}/fullchain`))).toBe(cert + cert)
    expect(state.certificates()[0]).toMatchObject({
      complete: true,
      hasKey: true,
      facts: { names: ['www.test', '*.www.test'], keyId: key.id },
    })
    expect(await state.pointLive('www.test:l', id)).toBe(true)
    expect(await state.pointLive('www.test:l', id)).toBe(false)
    expect(fake.files.readLink(at('live/www.test:l'))).toBe(`../certs/${id}`)
    expect(state.links()).toEqual(new Map([['www.test:l', id]]))
    await state.removeLive('www.test:l')
    expect(state.links().size).toBe(0)
  })

  test('corrects the privkey link that somebody broke', async () => {
    const id = await anOrder()
    await state.storeCertificate(id, await selfSigned(key, ['www.test']))
    await fake.files.remove(at(`certs/${id}/privkey`))
    fake.files.put(at(`certs/${id}/privkey`), 'a file in its place')
    await state.pointLive('www.test', id)
    expect(fake.files.readLink(at(`certs/${id}/privkey`))).toBe(`../../keys/${key.id}/privkey`)
  })

  describe('that is damaged', () => {
    const other = ecKey()
    const later = (): void => {
      fake.time = new Date(fake.time.getTime() + 60_000)
    }
    const whole = { complete: true, hasKey: true, damage: undefined }
    const NO_CHAIN = { complete: false, hasKey: true, damage: expect.stringMatching(/are not its fullchain$/) }

    test.each<[string, (id: string) => void, object]>([
      ['not', () => {}, whole],
      [
        'by an empty fullchain',
        id => fake.files.put(at(`certs/${id}/fullchain`), ''),
        { complete: false, facts: undefined, damage: expect.stringContaining('fullchain is damaged') },
      ],
      [
        'by a fullchain that is a FIFO',
        id => fake.files.putOther(at(`certs/${id}/fullchain`)),
        { complete: false, damage: expect.stringContaining('FIFO') },
      ],
      [
        'by a fullchain that is a folder',
        id => fake.files.putFolder(at(`certs/${id}/fullchain`)),
        { complete: false, damage: expect.stringContaining('folder') },
      ],
      ['by an empty chain', id => fake.files.put(at(`certs/${id}/chain`), ''), NO_CHAIN],
      ['by a cert that was cut', id => fake.files.put(at(`certs/${id}/cert`), '-----BEGIN'), NO_CHAIN],
      [
        'not, when another program made no cert and chain',
        id => ['cert', 'chain'].forEach(file => void fake.files.remove(at(`certs/${id}/${file}`))),
        whole,
      ],
      [
        'by an empty key',
        () => fake.files.put(at(`keys/${key.id}/privkey`), '', 0o600),
        { complete: true, hasKey: false, damage: 'its private key is empty' },
      ],
      [
        'by a key that was cut',
        () => {
          later()
          fake.files.put(at(`keys/${key.id}/privkey`), key.pem.slice(0, 80), 0o600)
        },
        { complete: true, hasKey: false, damage: expect.stringContaining('its private key is damaged') },
      ],
      [
        'by the key of another',
        () => {
          later()
          fake.files.put(at(`keys/${key.id}/privkey`), other.pem, 0o600)
        },
        { complete: true, hasKey: false, damage: 'its private key is that of another certificate' },
      ],
      [
        'not, when its key was written once more',
        () => {
          later()
          fake.files.put(at(`keys/${key.id}/privkey`), key.pem, 0o600)
        },
        whole,
      ],
    ])('%s', async (_, harm, is) => {
      const id = await anOrder()
      const { cert } = await selfSigned(key, ['www.test'])
      await state.storeCertificate(id, { cert, chain: cert })
      await state.pointLive('www.test', id)
      harm(id)
      await new Promise(resolve => setImmediate(resolve))
      const found = state.certificates()[0]
      expect(found).toMatchObject(is)
      state.certificates()
      expect(fake.said).toHaveLength(found?.damage === undefined ? 0 : 1)
    })

    test('a certificate that we may not read does not count as damaged, but is an error of the state directory', async () => {
      await anOrder()
      fake.files.readPlain = () => {
        throw Object.assign(new Error('EACCES'), { code: 'EACCES' })
      }
      expect(() => state.certificates()).toThrow(expect.objectContaining({ code: 'STATE' }))
    })
  })

  test('gets the link to its key back, in silence only when there is none', async () => {
    const id = await anOrder()
    await state.storeCertificate(id, await selfSigned(key, ['www.test']))
    const path = at(`certs/${id}/privkey`)
    expect([...(await state.mendKeyLinks(state.certificates()))]).toEqual([])
    await fake.files.remove(path)
    expect([...(await state.mendKeyLinks(state.certificates()))]).toEqual([])
    expect([fake.files.readLink(path), fake.said]).toEqual([`../../keys/${key.id}/privkey`, []])
    await fake.files.remove(path)
    fake.files.putLink(path, '../../keys/another/privkey')
    expect([...(await state.mendKeyLinks(state.certificates()))]).toEqual([id])
    expect(fake.files.readLink(path)).toBe(`../../keys/${key.id}/privkey`)
    expect(fake.said).toEqual([expect.stringContaining('is not the link to the key of its certificate; correcting it')])
  })

  test('knows revoked ones, those without key, and those from other programs', async () => {
    const id = await anOrder()
    await state.storeCertificate(id, await selfSigned(key, ['www.test']))
    await state.requestRevocation(id)
    await state.markRevoked(id)
    await state.removeKey(key.id)
    await fake.files.remove(at(`certs/${id}/cert`))
    expect(state.certificates()).toEqual([
      expect.objectContaining({ revokeWanted: true, revoked: true, hasKey: false, complete: true }),
    ])
    expect(fake.files.tree(at('certs')).filter(line => line.includes('/revoke'))).toEqual([
      `file 644 ${id}/revoke`,
      `file 644 ${id}/revoked`,
    ])
    await state.removeCertificate(id)
    expect(state.certificates()).toEqual([])
  })

  test('warns once about what acmetool stops at or complains about, and goes on', async () => {
    const id = await anOrder()
    fake.files.put(at(`certs/${id}/fullchain`), 'no certificate')
    fake.files.putLink(at('live/www.test'), `../certs/${id}`)
    fake.files.put(at(`certs/${'a'.repeat(52)}/url`), 'https://ca.test/another')
    fake.files.putFolder(at('certs/selfsigned-x'))
    fake.files.put(at('certs/.hidden/url'), '')
    for (let i = 0; i < 2; i++) expect(state.certificates()).toEqual([expect.objectContaining({ id, complete: false })])
    expect(fake.said).toHaveLength(3)
    expect(fake.said.find(line => line.includes(`certs/${id}`))).toMatch(
      /its file fullchain is damaged \(no PEM certificate/,
    )
    expect(fake.said.find(line => line.includes('aaaa'))).toContain('acmetool stops at this')
    expect(fake.said.find(line => line.includes('selfsigned-x'))).toContain('the name is not a certificate id')
  })

  test('does not replace anything in live/ that is not a link', async () => {
    const id = await anOrder()
    await state.storeCertificate(id, await selfSigned(key, ['www.test']))
    fake.files.put(at('live/www.test/x'), '')
    await expect(state.pointLive('www.test', id)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('is a folder, not a link'),
    })
    await expect(state.pointLive('../x', id)).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('targets', () => {
  test('one that cannot be read does not stop the others', async () => {
    fake.files.put(at('conf/target'), 'request: {provider: "https://ca.test/dir"}\n')
    fake.files.put(at('desired/a.test'), '')
    fake.files.put(at('desired/b.test'), 'satisfy: {names: x}\n')
    fake.files.put(at('desired/c.test'), 'satisfi: {}\n')
    fake.files.put(at('desired/.hidden'), ':')
    fake.files.putLink(at('desired/d.test'), 'a.test')
    const { targets, problems } = state.targets()
    expect(targets.map(t => [t.file, t.ca, ...t.names])).toEqual([
      ['a.test', CA, 'a.test'],
      ['c.test', CA, 'c.test'],
    ])
    expect(problems.map(p => p.message)).toEqual([
      'desired/b.test:1: satisfy.names must be a list of texts',
      'desired/d.test is a link, not a file',
    ])
    state.targets()
    expect(fake.said).toEqual(['warn: desired/c.test:1: unknown key satisfi is ignored; did you mean "satisfy"?'])
  })

  test.each([
    ['EACCES', 'permission denied'],
    ['EIO', 'the disk failed'],
    ['EISDIR', 'there is a folder'],
  ])('one whose file says %s does not stop the others', (code, words) => {
    fake.files.put(at('desired/a.test'), '')
    fake.files.put(at('desired/b.test'), '')
    const read = fake.files.readPlain.bind(fake.files)
    fake.files.readPlain = path => {
      if (path === at('desired/b.test')) throw Object.assign(new Error(code), { code })
      return read(path)
    }
    const { targets, problems } = state.targets()
    expect(targets.map(t => t.file)).toEqual(['a.test'])
    expect(problems).toEqual([
      expect.objectContaining({ code: 'STATE', message: expect.stringMatching(`desired/b.test: ${words}`) }),
    ])
    fake.files.readPlain = path => {
      if (path === at('conf/target')) throw Object.assign(new Error(code), { code })
      return read(path)
    }
    expect(state.targets()).toMatchObject({ targets: [], problems: [{ code: 'STATE' }] })
  })

  test('are none when conf/target cannot be read: it names the CA', async () => {
    fake.files.put(at('conf/target'), 'request: [')
    fake.files.put(at('desired/a.test'), '')
    expect(state.targets()).toEqual({
      targets: [],
      problems: [expect.objectContaining({ code: 'CONFIG', message: expect.stringContaining('conf/target:1') })],
    })
  })

  test.each([
    ['exec, with a command', 'dns: {provider: exec, command: /tmp/x}'],
    ['a plugin', 'dns: {provider: acme-dns-01, module: /tmp/x}'],
    ['a folder of hooks', 'dns: {provider: hooks, folders: /tmp/x}'],
    ['variables', 'env: {LD_PRELOAD: /tmp/x.so}'],
  ])('that start programs (%s) must belong to root or to us', (_, challenge) => {
    fake.files.put(at('desired/theirs'), `request: {challenge: {${challenge}}}\n`)
    fake.files.put(at('desired/harmless'), 'request: {challenge: {dns: {provider: exec}}}\n')
    fake.files.give(at('desired/harmless'), { uid: 1000 })
    const read = () => [state.targets().targets.map(t => t.file), state.targets().problems.map(p => p.message)]
    expect(read()).toEqual([['harmless', 'theirs'], []])
    fake.files.give(at('desired/theirs'), { uid: 1000 })
    const says = `${at('desired/theirs')} says which program runs, or with which variables, but`
    expect(read()).toEqual([['harmless'], [`${says} it belongs to user 1000`]])
    fake.files.give(at('desired/theirs'), { uid: 0 })
    fake.files.give(at('desired'), { gid: 33, mode: 0o2775 })
    expect(read()).toEqual([['harmless'], [`${says} ${at('desired')} may be changed by group 33`]])
  })

  test('are none when conf/target starts programs and belongs to somebody else', () => {
    fake.files.put(at('conf/target'), 'request: {challenge: {env: {PATH: /tmp}}}\n')
    fake.files.put(at('desired/a.test'), '')
    expect(state.targets().targets).toHaveLength(1)
    fake.files.give(at('conf/target'), { uid: 1000 })
    expect(state.targets()).toMatchObject({ targets: [], problems: [{ code: 'CONFIG' }] })
  })

  test('are written and removed by plain names only', async () => {
    await state.writeTarget('*.x.test-1', 'satisfy:\n')
    expect(state.targetText('*.x.test-1')).toBe('satisfy:\n')
    await state.removeTarget('*.x.test-1')
    expect(state.targets().targets).toEqual([])
    for (const bad of ['', '.x', 'a/b', '../x', 'x'.repeat(256)])
      await expect(state.writeTarget(bad, '')).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('conf', () => {
  test('reads the two older files', () => {
    fake.files.put(at('conf/webroot-path'), ' /a \n\n/b\n')
    fake.files.put(at('conf/rsa-key-size'), '3072\n')
    expect(state.defaults()).toMatchObject({ webrootPaths: ['/a', '/b'], key: { rsaBits: 3072 } })
  })

  test('writes with the mode that is asked for', async () => {
    await state.writeConf('x', 'secret', 0o600)
    expect(fake.files.info(at('conf/x'))?.mode).toBe(0o600)
    expect(state.confText('x')).toBe('secret')
    expect(state.confText('y')).toBeUndefined()
  })

  test('reads responses from a file, a folder, or a file given', () => {
    expect(state.responses().text('a')).toBeUndefined()
    fake.files.put(at('conf/responses/one.yml'), '"a": 1\n')
    fake.files.put(at('conf/responses/two.json'), '{"b": "x"}')
    fake.files.put(at('conf/responses/three.txt'), 'c: 1')
    expect(['a', 'b', 'c'].map(id => state.responses().text(id))).toEqual(['1', 'x', undefined])
    fake.files.put('/tmp/r', 'a: 2\nb: [1]\n')
    expect(state.responses('/tmp/r').text('a')).toBe('2')
    expect(fake.said).toEqual([expect.stringContaining('the answer to b must be a text')])
    expect(() => state.responses('/tmp/none')).toThrow(expect.objectContaining({ code: 'USAGE' }))
  })
})

describe('journal', () => {
  const record = {
    name: names('_acme-challenge.a.test')[0]!,
    value: 'v',
    zone: names('a.test')[0]!,
    ttlSeconds: 60,
    challenge: {
      host: names('a.test')[0]!,
      wildcard: false,
      token: 't',
      keyAuthorization: 't.k',
      targetFile: 'a',
      env: {},
    },
  }
  const entry = { id: 'e1', provider: 'memory', settings: { x: '1' }, zone: record.zone, records: [record] }

  test('keeps what was noted until it is gone', async () => {
    await state.journal.note(entry)
    fake.files.losePower()
    expect((await StateDir.open(fake.world, ROOT)).journal.entries()).toEqual([entry])
    expect(fake.files.info(at('.dns01/journal'))?.mode).toBe(0o700)
    expect(fake.files.info(at('.dns01/journal/e1.json'))?.mode).toBe(0o600)
    await state.journal.gone('e1')
    await state.journal.gone('e1')
    expect(state.journal.entries()).toEqual([])
  })

  describe.each<[string, string]>([
    ['no JSON', '{'],
    ['null', 'null'],
    ['a list', '[]'],
    ['a number', '7'],
    ['an empty object', '{}'],
    ['no records', JSON.stringify({ ...entry, records: null })],
    ['settings that are no texts', JSON.stringify({ ...entry, settings: { command: ['x'] } })],
  ])('an entry that is %s', (_, text) => {
    test('is told and left out, and conform() sets it aside', async () => {
      fake.files.put(at('.dns01/journal/x.json'), text, 0o600)
      fake.files.give(at('.dns01/journal'), { mode: 0o700 })
      fake.files.give(at('.dns01'), { mode: 0o700 })
      expect(state.journal.entries()).toEqual([])
      expect(fake.said).toEqual([expect.stringContaining('.dns01/journal/x.json is not believed')])
      await state.conform()
      expect(fake.files.text(at('.dns01/set-aside/journal/x.json'))).toBe(text)
      fake.said.length = 0
      await state.conform()
      expect(fake.said).toEqual([])
    })
  })

  test.each<[string, { path: string; mode?: number; uid?: number }, 'stays' | 'goes']>([
    ['the group could write the entry', { path: '.dns01/journal/e1.json', mode: 0o660 }, 'goes'],
    ['everybody could write the entry', { path: '.dns01/journal/e1.json', mode: 0o602 }, 'goes'],
    ['everybody could write the folder', { path: '.dns01/journal', mode: 0o777 }, 'goes'],
    ['everybody could write .dns01', { path: '.dns01', mode: 0o777 }, 'goes'],
    ['another user wrote the entry', { path: '.dns01/journal/e1.json', uid: 65534 }, 'stays'],
  ])('does not believe an entry when %s', async (_, { path, ...rights }, then) => {
    await state.journal.note(entry)
    fake.files.give(at(path), rights)
    expect(state.journal.entries()).toEqual([])
    await state.conform()
    expect(state.journal.entries()).toEqual([])
    expect(fake.files.info(at('.dns01/journal/e1.json')) === undefined).toBe(then === 'goes')
    expect(fake.files.info(at('.dns01/journal'))?.mode).toBe(0o700)
    expect(fake.files.info(at('.dns01'))?.mode).toBe(0o700)
  })

  test('believes root and who runs it', async () => {
    await state.journal.note(entry)
    fake.files.give(at('.dns01/journal/e1.json'), { uid: 7 })
    const self = (uid: number) => ({ ...fake.world, self: { ...fake.world.self, uid } })
    const seenBy = async (uid: number) =>
      (await StateDir.open(self(uid), ROOT, { readOnly: true })).journal.entries().length
    expect([await seenBy(0), await seenBy(7), await seenBy(8)]).toEqual([0, 1, 0])
    fake.files.give(at('.dns01/journal/e1.json'), { uid: 0 })
    expect([await seenBy(0), await seenBy(7), await seenBy(8)]).toEqual([1, 1, 1])
  })

  test('adds up the names that no hook was told', async () => {
    await state.journal.noteUntold(['a.test', '*.a.test:l'])
    await state.journal.noteUntold(['b.test', 'a.test'])
    expect(state.journal.untold()).toEqual(['a.test', '*.a.test:l', 'b.test'])
    await state.journal.clearUntold()
    expect(state.journal.untold()).toEqual([])
  })
})

describe('a folder of something else', () => {
  const files = (...paths: string[]): void => {
    for (const path of paths) fake.files.put(`/else/${path}`, 'x', 0o600)
  }
  const ID = 'a'.repeat(52)

  test.each<[string, string[], string]>([
    ['a home', ['notes.txt'], 'notes.txt'],
    ['certbot’s', ['accounts/x', 'archive/x', 'csr/x', 'keys/0_key.pem', 'live/x', 'renewal/cf.ini'], 'archive'],
    ['/var', ['lib/mysql/data', 'tmp/x'], 'lib'],
    ['one with nothing but tmp', ['tmp/x'], 'tmp'],
    ['one with desired, but nothing that is named by an id', ['desired/x', 'keys/x', 'secret'], 'secret'],
    ['one with keys, but no desired', [`keys/${ID}/privkey`, 'secret'], 'secret'],
  ])('is refused before anything in it is touched: %s', async (_, paths, strange) => {
    files(...paths)
    const before = fake.files.tree('/else')
    await expect(StateDir.open(fake.world, '/else')).rejects.toMatchObject({
      code: 'STATE',
      message: `/else is not a state directory: it holds ${strange}, and no certificate, account or key of dns01 or acmetool`,
      hint: expect.stringContaining(strange === 'archive' ? 'dns01 import-le /else' : '--state'),
    })
    expect(fake.files.tree('/else')).toEqual(before)
    expect((await StateDir.open(fake.world, '/else', { readOnly: true })).certificates()).toEqual([])
  })

  test.each<[string, string[]]>([
    ['hidden things, and what belongs to its file system', ['.keep', 'lost+found/x']],
    ['the beginning of ours', ['accounts/x']],
    ['ours and the haproxy hook’s', ['certs/x', 'conf/target', 'haproxy/x']],
    ['nothing but tmp, where we have been', ['.dns01/x', 'tmp/x']],
    ['anything beside desired and a key of ours', ['desired/x', `keys/${ID}/privkey`, 'tsig.key']],
    ['anything beside desired and an account of ours', ['desired/x', `accounts/ca.test/${ID}/privkey`, 'tsig.key']],
    ['anything beside desired and a certificate of ours', ['desired/x', `certs/${ID}/url`, 'tsig.key']],
  ])('it is not with %s', async (_, paths) => {
    files(...paths)
    await expect(StateDir.open(fake.world, '/else')).resolves.toBeInstanceOf(StateDir)
  })

  test.each(['tmp', 'live', 'certs', '.dns01', '.dns01/journal'])('is not reached by a link at %s', async path => {
    files('other/precious')
    fake.files.putFolder(at('desired'))
    fake.files.putLink(at(path), '/else/other')
    fake.time = new Date(fake.time.getTime() + 7_200_000)
    await expect(StateDir.open(fake.world, ROOT)).rejects.toMatchObject({
      code: 'STATE',
      message: `${ROOT}/${path} is a link, not a folder`,
    })
    expect(fake.files.text('/else/other/precious')).toBe('x')
  })
})

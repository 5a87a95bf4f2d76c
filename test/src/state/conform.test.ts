import { beforeEach, describe, expect, test } from 'vitest'
import { rightMode } from '../../../src/state/conform.js'
import { ownersFrom, parsePermissions, permissions } from '../../../src/state/permissions.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const ROOT = '/var/lib/acme'
const ID = 'a'.repeat(52)
const LIVE = 'b'.repeat(52)
const at = (path: string): string => `${ROOT}/${path}`

let fake: StateWorld
beforeEach(() => {
  fake = stateWorld()
})

const conform = async (): Promise<string[]> => {
  fake.said.length = 0
  await (await StateDir.open(fake.world, ROOT)).conform()
  return [...fake.said]
}

/** What a run says that mends all: the next one finds nothing to say or do. */
const mends = async (): Promise<string[]> => {
  const said = await conform()
  const { changes } = fake.files
  expect(await conform()).toEqual([])
  expect(fake.files.changes).toBe(changes)
  return said
}

/** The disk refuses such changes: files of another user's. */
const refuse = (denied: 'chmod' | 'chown'): void => {
  fake.files.options = { ...fake.files.options, fail: change => (change === denied ? 'EPERM' : undefined) }
}

const modeOf = (path: string): string | undefined => fake.files.info(at(path))?.mode.toString(8)

/** keys/ID with a key in it, as it must be. */
const putKey = (id = ID, mode = 0o600): void => {
  fake.files.put(at(`keys/${id}/privkey`), 'x', mode)
  fake.files.give(at(`keys/${id}`), { mode: 0o700 })
}

test('makes what is missing, once, in silence', async () => {
  expect(await mends()).toEqual([])
  expect(fake.files.info(ROOT)?.mode).toBe(0o755)
  expect(fake.files.tree(ROOT)).toEqual([
    'folder 700 accounts',
    'folder 755 certs',
    'folder 755 conf',
    'folder 755 desired',
    'folder 700 keys',
    'folder 755 live',
    'folder 700 tmp',
  ])
})

test('corrects modes with a warning, but not that of the root, nor of what is hidden', async () => {
  fake.files.putFolder(ROOT, 0o711)
  fake.files.put(at(`keys/${ID}/privkey`), 'x', 0o644)
  fake.files.put(at('certs/.x/y'), '', 0o640)
  fake.files.put(at(`certs/${LIVE}/haproxy`), '', 0o644)
  fake.files.put(at(`certs/${LIVE}/url`), '', 0o600)
  expect(await mends()).toEqual([
    'warn: keys has mode 0755; changing it to 0700',
    `warn: keys/${ID} has mode 0755; changing it to 0700`,
    `warn: keys/${ID}/privkey has mode 0644; changing it to 0600`,
    `warn: certs/${LIVE}/haproxy has mode 0644; changing it to 0600`,
    `warn: certs/${LIVE}/url has mode 0600; changing it to 0644`,
  ])
  expect(['.', `keys/${ID}/privkey`, 'certs/.x/y'].map(modeOf)).toEqual(['711', '600', '640'])
})

describe('what mode a path gets', () => {
  const F = 'file'
  const D = 'folder'
  const rules = (perm: string) =>
    perm === '' ? permissions() : parsePermissions(`${perm}\n`, ownersFrom('', '', { uid: 0, gid: 0 })).permissions

  test.each<[path: string, kind: 'file' | 'folder', is: number, becomes: number, perm?: string]>([
    // a secret put beside stays one, and loses what the rule does not have
    ['tsig.key', F, 0o600, 0o600],
    ['tsig.key', F, 0o400, 0o400],
    ['tsig.key', F, 0o666, 0o644],
    ['conf/cf.token', F, 0o600, 0o600],
    ['conf/cf.token', F, 0o640, 0o640],
    ['conf/secrets', D, 0o700, 0o700],
    ['desired/sub/x', F, 0o600, 0o600],
    [`certs/${ID}/my.key`, F, 0o600, 0o600],
    ['backup', D, 0o700, 0o700],
    ['backup', D, 0o777, 0o755],
    ['bin/tool', F, 0o4755, 0o644],
    ['bin', D, 0o3777, 0o755],
    // what the schema names is as the schema says: a directory restored under umask 077 serves again
    ['certs', D, 0o700, 0o755],
    [`certs/${ID}`, D, 0o700, 0o755],
    [`certs/${ID}/cert`, F, 0o600, 0o644],
    [`certs/${ID}/chain`, F, 0o600, 0o644],
    [`certs/${ID}/fullchain`, F, 0o600, 0o644],
    [`certs/${ID}/url`, F, 0o600, 0o644],
    ['certs/x/url', F, 0o600, 0o600],
    ['desired/www.test', F, 0o600, 0o644],
    ['conf/target', F, 0o600, 0o644],
    ['conf/responses', F, 0o600, 0o644],
    ['conf/responses/a.yml', F, 0o600, 0o644],
    ['conf/dns.yml', F, 0o600, 0o644],
    ['live', D, 0o700, 0o755],
    ['haproxy', D, 0o700, 0o755],
    // keys: nothing for others, all for the owner
    ['keys', D, 0o755, 0o700],
    [`keys/${ID}`, D, 0o500, 0o700],
    [`keys/${ID}/privkey`, F, 0o400, 0o600],
    [`keys/${ID}/privkey`, F, 0o644, 0o600],
    [`keys/${ID}/privkey`, F, 0o6777, 0o600],
    [`certs/${ID}/haproxy`, F, 0o644, 0o600],
    [`accounts/ca.test/${ID}/privkey`, F, 0o640, 0o600],
    ['.dns01', D, 0o777, 0o700],
    ['.dns01/journal/x.json', F, 0o666, 0o600],
    ['tmp', D, 0o1777, 0o700],
    // a line of conf/perm names what it governs
    [`keys/${ID}/privkey`, F, 0o600, 0o640, 'keys/*/privkey 0640 0750'],
    [`keys/${ID}`, D, 0o700, 0o700, 'keys/*/privkey 0640 0750'],
    ['conf/cf.token', F, 0o600, 0o644, 'conf/* 0644 0755'],
    ['conf/cf.token', F, 0o600, 0o600, 'conf/*.yml 0644 0755'],
    ['desired', D, 0o755, 0o2775, 'desired 0664 2775'],
    ['backup/x', F, 0o600, 0o644, '. 0644 0755'],
    // a line that takes a rule away names nothing
    [`keys/${ID}/privkey`, F, 0o600, 0o600, 'keys inherit'],
    [`certs/${ID}/haproxy`, F, 0o600, 0o600, 'certs/*/haproxy inherit'],
  ])('%s, a %s of mode %o: %o %s', (path, kind, mode, becomes, perm = '') => {
    expect(rightMode(path, rules(perm).of(path), { kind, mode }).right.toString(8)).toBe(becomes.toString(8))
  })
})

describe('what conform() leaves alone', () => {
  beforeEach(conform)

  test('a file that others reach by a second name, with the reason', async () => {
    fake.files.put('/etc/shadow', 'x', 0o640)
    await fake.files.hardLink('/etc/shadow', at('desired/x'))
    expect(await conform()).toEqual([
      'warn: desired/x has mode 0640; changing it to 0644',
      expect.stringContaining('the file has another name elsewhere (a hard link) (EMLINK)'),
    ])
    expect(fake.files.info('/etc/shadow')?.mode).toBe(0o640)
  })

  test('what takes the place of a file between the look and the change', async () => {
    fake.files.put(at('desired/a'), '', 0o600)
    fake.files.put(at('desired/b'), '', 0o600)
    fake.files.put('/root/secret', 'x', 0o600)
    const swap = async (): Promise<void> => {
      await fake.files.remove(at('desired/b'))
      await fake.files.symlink('/root/secret', at('desired/b'))
    }
    let swapped: Promise<void> | undefined
    const { setRights } = fake.files
    fake.files.setRights = async function (this: typeof fake.files, ...args) {
      if (args[1].endsWith('/b')) await swapped
      await setRights.apply(this, args)
      swapped ??= swap()
    }
    expect(await conform()).toContainEqual(expect.stringContaining('something else is there'))
    expect(fake.files.info('/root/secret')?.mode).toBe(0o600)
  })

  test('names and hard facts of what it does not know', async () => {
    fake.files.put(at('desired/.hidden'), '', 0o666)
    fake.files.putFolder(at('lost+found'), 0o700)
    putKey()
    fake.files.put(at('cf.token'), 'x', 0o600)
    expect(await conform()).toEqual([])
  })
})

describe('.dns01', () => {
  beforeEach(conform)

  test('is for its owner alone, as keys/ is; what was set aside stays as it was found', async () => {
    fake.files.put(at('.dns01/ledger.json'), '{}', 0o666)
    fake.files.put(at('.dns01/set-aside/keys/x'), '', 0o644)
    fake.files.give(at('.dns01'), { mode: 0o777 })
    expect(await conform()).toEqual([
      'warn: .dns01 has mode 0777; changing it to 0700',
      'warn: .dns01/ledger.json has mode 0666; changing it to 0600',
      'warn: .dns01/set-aside has mode 0755; changing it to 0700',
    ])
    expect(fake.files.info(at('.dns01/set-aside/keys/x'))?.mode).toBe(0o644)
  })

  test('of a stranger goes to who has the directory; with mode and owner beyond correcting nothing is done', async () => {
    fake.files.putFolder(at('.dns01/journal'), 0o700)
    fake.files.give(at('.dns01'), { mode: 0o700, uid: 65534 })
    expect(await conform()).toEqual(['warn: .dns01 belongs to user 65534; changing it to 0'])
    fake.files.give(at('.dns01/journal'), { uid: 65534 })
    refuse('chown')
    await expect(conform()).rejects.toMatchObject({ code: 'STATE' })
  })
})

describe('who may not correct a mode', () => {
  beforeEach(conform)

  test('is told, and goes on', async () => {
    fake.files.put(at('conf/target'), '', 0o600)
    refuse('chmod')
    expect(await conform()).toEqual([
      'warn: conf/target has mode 0600; changing it to 0644',
      `warn: setting the mode of ${ROOT}/conf/target: not permitted (EPERM)`,
    ])
  })
  test('is stopped where a key lies open', async () => {
    putKey(ID, 0o640)
    refuse('chmod')
    await expect(conform()).rejects.toMatchObject({
      code: 'STATE',
      hint: expect.stringContaining('run as the user who owns'),
    })
  })
})

describe('conf/perm', () => {
  beforeEach(conform)

  test('is enforced, owners of links too', async () => {
    fake.files.put(at('conf/perm'), 'keys 0640 0750 root 110\nlive 0644 0755 7 -\nhaproxy 0600 0700\n')
    fake.files.put('/etc/passwd', 'root:x:0:0::/:/bin/sh\n')
    fake.files.put(at(`keys/${ID}/privkey`), '', 0o640)
    fake.files.put(at('haproxy/x'), '', 0o600)
    fake.files.put(at(`certs/${LIVE}/url`), '')
    fake.files.putLink(at('live/x'), `../certs/${LIVE}`)
    const notice = (line: string, paths: string): string => `notice: ${line}: changing the mode or owner of ${paths}`
    expect(await conform()).toEqual([
      `warn: keys/${ID} has mode 0755; changing it to 0750`,
      'warn: haproxy has mode 0755; changing it to 0700',
      notice('conf/perm:1 (keys 0640 0750 root 110)', '3 paths'),
      notice('conf/perm:2 (live 0644 0755 7 -)', '2 paths'),
    ])
    expect(fake.files.info(at('keys'))).toMatchObject({ mode: 0o750, uid: 0, gid: 110 })
    expect(fake.files.info(at(`keys/${ID}/privkey`))).toMatchObject({ mode: 0o640, gid: 110 })
    expect(fake.files.info(at('live/x'))).toMatchObject({ kind: 'link', uid: 7 })
    expect(await conform()).toEqual([])
  })
  test('that asks for a group says so once, however many keys there are', async () => {
    fake.files.put('/etc/passwd', 'root:x:0:0::/:/bin/sh\n')
    for (const letter of ['a', 'b', 'c', 'd', 'e']) putKey(letter.repeat(52))
    fake.files.put(at('conf/perm'), 'keys 0640 0750 root 110\n')
    expect(await mends()).toEqual([
      'notice: conf/perm:1 (keys 0640 0750 root 110): changing the mode or owner of 11 paths',
    ])
  })
  test('complains once and goes on when owners cannot be given', async () => {
    fake.files.put(at('conf/perm'), 'live 0644 0755 7 7\n')
    refuse('chown')
    expect(await conform()).toEqual([
      'notice: conf/perm:1 (live 0644 0755 7 7): changing the mode or owner of 1 path',
      expect.stringMatching(
        /^warn: conf\/perm:1 \(live 0644 0755 7 7\): 1 of these changes failed; the first: .*not permitted/,
      ),
    ])
  })
})

describe('links', () => {
  test('that are broken go', async () => {
    fake.files.put(at(`certs/${LIVE}/url`), '')
    fake.files.putLink(at(`certs/${LIVE}/account`), '../../accounts/S/K')
    fake.files.putLink(at('live/a.test'), '../certs/none')
    fake.files.putLink(at('live/b.test'), 'c.test')
    fake.files.putLink(at('live/c.test'), `../certs/${LIVE}`)
    fake.files.putLink(at('live/d.test'), 'd.test')
    await conform()
    expect(fake.said.filter(line => line.includes('where nothing is'))).toHaveLength(3)
    expect(fake.files.tree(at('live'))).toEqual(['link b.test -> c.test', `link c.test -> ../certs/${LIVE}`])
    expect(fake.files.list(at(`certs/${LIVE}`)).map(e => e.name)).toEqual(['url'])
  })
  test.each(['/etc/passwd', '../../../etc', '../.dns01'])(
    'that acmetool stops at are the user’s to mend: %s',
    async target => {
      fake.files.putLink(at('live/x'), target)
      expect(await conform()).toEqual([
        `warn: live/x leads to ${target}: make it a relative link within the directory (acmetool stops at it)`,
      ])
      expect(fake.files.readLink(at('live/x'))).toBe(target)
    },
  )
})

describe('what acmetool stops at', () => {
  test('empty folders named by an id go, others are set aside', async () => {
    const server = 'ca.test%2fdir'
    await conform()
    for (const folder of ['keys', 'certs', `accounts/${server}`]) {
      fake.files.putFolder(at(`${folder}/${ID}`), 0o700)
      fake.files.put(at(`${folder}/${LIVE}/other`), 'x')
    }
    await conform()
    expect(fake.said.filter(line => line.includes('half-made'))).toHaveLength(3)
    expect(fake.files.tree(at('.dns01/set-aside')).filter(line => line.startsWith('file'))).toEqual([
      `file 644 accounts/${server}/${LIVE}/other`,
      `file 644 certs/${LIVE}/other`,
      `file 644 keys/${LIVE}/other`,
    ])
    for (const folder of ['keys', 'certs', `accounts/${server}`]) expect(fake.files.list(at(folder))).toEqual([])
    fake.files.put(at(`keys/${LIVE}/other`), 'second')
    await conform()
    expect(fake.files.text(at(`.dns01/set-aside/keys/${LIVE}.1/other`))).toBe('second')
  })
  test('what is live stays where it is, with a warning', async () => {
    fake.files.put(at(`certs/${LIVE}/fullchain`), 'x')
    fake.files.putLink(at('live/a.test'), `../certs/${LIVE}`)
    expect(await conform()).toEqual([`warn: certs/${LIVE} has no url but is live; it stays (acmetool stops at it)`])
    expect(fake.files.text(at('live/a.test/fullchain'))).toBe('x')
  })
  test('is named: sockets, misspelt servers', async () => {
    fake.files.putOther(at('certs/socket'))
    fake.files.putFolder(at('accounts/ca.test%2Fdir'), 0o700)
    await conform()
    expect(fake.said.join('\n')).toContain('certs/socket is not a file, folder or link')
    expect(fake.said.join('\n')).toContain('accounts/ca.test%2Fdir is not how a server is spelled')
  })
})

test('empties tmp/ of ours at once, of others after an hour', async () => {
  await conform()
  fake.files.put(at('tmp/dns01.1/privkey'), 'x', 0o600)
  fake.files.put(at('tmp/dns01.2'), 'x', 0o600)
  fake.files.put(at('tmp/tmp.123'), 'x', 0o600)
  fake.files.put(at('tmp/.hidden'), 'x', 0o600)
  expect(await conform()).toEqual([])
  expect(fake.files.list(at('tmp')).map(e => e.name)).toEqual(['.hidden', 'tmp.123'])
  fake.time = new Date(fake.time.getTime() + 3_601_000)
  await conform()
  expect(fake.files.list(at('tmp'))).toEqual([])
})

test('says when it cannot make the directory', async () => {
  fake.files.options = { fail: () => 'EROFS' }
  await expect(conform()).rejects.toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('the file system is read-only (EROFS)'),
    hint: expect.stringContaining('--state'),
  })
})

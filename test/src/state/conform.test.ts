import { beforeEach, describe, expect, it } from 'vitest'
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
  return fake.said
}

it('makes what is missing, once, in silence', async () => {
  expect(await conform()).toEqual([])
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
  const { changes } = fake.files
  expect(await conform()).toEqual([])
  expect(fake.files.changes).toBe(changes)
})

it('corrects modes with a warning, but not that of the root, nor of what is hidden', async () => {
  fake.files.putFolder(ROOT, 0o711)
  fake.files.put(at(`keys/${ID}/privkey`), 'x', 0o644)
  fake.files.put(at('lock'), '', 0o600)
  fake.files.put(at('.dns01/x'), '', 0o640)
  fake.files.put(at('certs/.x/y'), '', 0o640)
  fake.files.put(at(`certs/${LIVE}/haproxy`), '', 0o644)
  fake.files.put(at(`certs/${LIVE}/url`), '')
  expect(await conform()).toEqual([
    `warn: certs/${LIVE}/haproxy has mode 0644; changing it to 0600`,
    'warn: keys has mode 0755; changing it to 0700',
    `warn: keys/${ID} has mode 0755; changing it to 0700`,
    `warn: keys/${ID}/privkey has mode 0644; changing it to 0600`,
    'warn: lock has mode 0600; changing it to 0644',
  ])
  expect(
    ['.', 'lock', `keys/${ID}/privkey`, '.dns01/x', 'certs/.x/y'].map(p => fake.files.info(at(p))?.mode.toString(8)),
  ).toEqual(['711', '644', '600', '640', '640'])
  expect(await conform()).toEqual([])
})

describe('who may not correct a mode', () => {
  const deny = () => {
    fake.files.options = { ...fake.files.options, fail: change => (change === 'chmod' ? 'EPERM' : undefined) }
  }
  it('is told, and goes on', async () => {
    await conform()
    fake.files.put(at('conf/target'), '', 0o600)
    deny()
    expect(await conform()).toEqual([
      'warn: conf/target has mode 0600; changing it to 0644',
      `warn: setting the mode of ${ROOT}/conf/target: not permitted (EPERM)`,
    ])
  })
  it('is stopped where a key lies open', async () => {
    await conform()
    fake.files.put(at(`keys/${ID}/privkey`), '', 0o640)
    await fake.files.chmod(at(`keys/${ID}`), 0o700)
    deny()
    await expect(conform()).rejects.toMatchObject({ code: 'STATE', hint: expect.stringContaining('run as the owner') })
  })
})

describe('conf/perm', () => {
  it('is enforced, owners of links too', async () => {
    await conform()
    fake.files.put(at('conf/perm'), 'keys 0640 0750 root 110\nlive 0644 0755 7 -\nhaproxy 0600 0700\n')
    fake.files.put('/etc/passwd', 'root:x:0:0::/:/bin/sh\n')
    fake.files.put(at(`keys/${ID}/privkey`), '', 0o640)
    fake.files.put(at('haproxy/x'), '', 0o600)
    fake.files.put(at(`certs/${LIVE}/url`), '')
    fake.files.putLink(at('live/x'), `../certs/${LIVE}`)
    expect(await conform()).toEqual([
      'warn: haproxy has mode 0755; changing it to 0700',
      'warn: keys has mode 0700; changing it to 0750',
      'warn: keys belongs to 0:0; changing it to 0:110',
      `warn: keys/${ID} has mode 0755; changing it to 0750`,
      `warn: keys/${ID} belongs to 0:0; changing it to 0:110`,
      `warn: keys/${ID}/privkey belongs to 0:0; changing it to 0:110`,
      'warn: live belongs to 0:0; changing it to 7:0',
      'warn: live/x belongs to 0:0; changing it to 7:0',
    ])
    expect(await conform()).toEqual([])
  })
  it('complains and goes on when owners cannot be given', async () => {
    await conform()
    fake.files.put(at('conf/perm'), 'live 0644 0755 7 7\n')
    fake.files.options = { ...fake.files.options, fail: change => (change === 'chown' ? 'EPERM' : undefined) }
    expect(await conform()).toEqual([
      'warn: live belongs to 0:0; changing it to 7:7',
      expect.stringMatching(/^warn: setting the owner of .*live: not permitted/),
    ])
  })
})

describe('links', () => {
  it('that are broken go', async () => {
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
  it.each(['/etc/passwd', '../../../etc', '../.dns01'])(
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
  it('empty folders named by an id go, others are set aside', async () => {
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
  it('but never what is live', async () => {
    fake.files.put(at(`certs/${LIVE}/fullchain`), 'x')
    fake.files.putLink(at('live/a.test'), `../certs/${LIVE}`)
    expect(await conform()).toEqual([`warn: certs/${LIVE} has no url but is live; it stays (acmetool stops at it)`])
    expect(fake.files.text(at('live/a.test/fullchain'))).toBe('x')
  })
  it('is named: sockets, misspelt servers', async () => {
    fake.files.putOther(at('certs/socket'))
    fake.files.putFolder(at('accounts/ca.test%2Fdir'), 0o700)
    await conform()
    expect(fake.said.join('\n')).toContain('certs/socket is no file, folder or link')
    expect(fake.said.join('\n')).toContain('accounts/ca.test%2Fdir is not how a server is spelled')
  })
})

it('empties tmp/ of ours at once, of others after an hour', async () => {
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

it('says when it cannot make the directory', async () => {
  fake.files.options = { fail: () => 'EROFS' }
  await expect(conform()).rejects.toMatchObject({
    code: 'STATE',
    message: expect.stringContaining('the file system is read-only (EROFS)'),
    hint: expect.stringContaining('--state'),
  })
})

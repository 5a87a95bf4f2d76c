import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { installSudoers, planSudoers, SERVICES, TESTS } from '../../../src/quickstart/sudoers.js'
import { accountOf, prepareUser } from '../../../src/quickstart/user.js'
import { type MachineOptions, machine } from '../../fakes/machine.js'

const hook = readFileSync(join(import.meta.dirname, '../../../hooks/reload'), 'utf8')
const path = '/etc/sudoers.d/dns01-acme'
const hooks = '/etc/acme/hooks'
const first = '# Written by dns01 quickstart --user acme, which replaces it when services have come or gone.\n'

/** A machine with sudo, service(8), and these services. */
const withServices = (services: readonly string[], more: MachineOptions = {}) =>
  machine({
    ...more,
    folders: ['/etc/sudoers.d', ...(more.folders ?? [])],
    files: {
      '/usr/sbin/visudo': '',
      '/usr/sbin/service': '',
      '/usr/sbin/nginx': '',
      '/usr/bin/doveconf': '',
      ...Object.fromEntries(services.map(name => [`/etc/init.d/${name}`, ''])),
      ...more.files,
    },
  })

test('services and tests are those of the hook reload', () => {
  const listed = [...hook.matchAll(/SERVICES=(?:'|"\$SERVICES )([^'"]+)/g)].flatMap(([, names = '']) =>
    names.split(' '),
  )
  expect(SERVICES.filter(service => !listed.includes(service))).toEqual([])
  const tests = Object.entries(TESTS).map(([service, words]) => [service, words.join(' ')] as const)
  for (const [service, words] of tests)
    expect(hook.replace('"$1 -t -q"', 'nginx -t -q')).toMatch(new RegExp(`\\b${service}\\b[^\n]*\\) .*echo ${words}`))
})

describe('what sudo is to allow', () => {
  test.each<[string, readonly string[], MachineOptions, readonly string[]]>([
    ['a service with a test', ['nginx'], {}, ['/usr/sbin/service nginx reload, /usr/sbin/nginx -t -q']],
    ['one whose test is not there', ['haproxy'], {}, ['/usr/sbin/service haproxy reload']],
    ['in the order of sudo', ['dovecot'], {}, ['/usr/sbin/service dovecot reload, /usr/bin/doveconf -n']],
    [
      'what a hook is for',
      ['postgresql', 'my@1'],
      { files: { [`${hooks}/reload-postgresql`]: '', [`${hooks}/restart-my@1.service`]: '' } },
      ['/usr/sbin/service postgresql reload', '/usr/sbin/service my@1 restart'],
    ],
    [
      'a hook for what is there anyway',
      ['nginx'],
      { files: { [`${hooks}/reload-nginx`]: '' } },
      ['/usr/sbin/service nginx reload, /usr/sbin/nginx -t -q'],
    ],
    [
      'a colon has a meaning there',
      ['a:b'],
      { files: { [`${hooks}/reload-a:b`]: '' } },
      ['/usr/sbin/service a\\:b reload'],
    ],
  ])('%s', (_, services, more, lines) => {
    const { context } = withServices(services, more)
    expect(planSudoers(context.world, 'acme', hooks).text).toBe(
      [first.trim(), ...lines.map(line => `acme ALL=(root) NOPASSWD: ${line}`), ''].join('\n'),
    )
  })

  test('by systemctl where there is no service(8)', () => {
    const { context } = machine({
      folders: ['/etc/sudoers.d'],
      files: { '/usr/sbin/visudo': '', '/usr/bin/systemctl': '', '/usr/lib/systemd/system/nginx.service': '' },
    })
    expect(planSudoers(context.world, 'acme', hooks).text).toContain(
      'acme ALL=(root) NOPASSWD: /usr/bin/systemctl reload nginx.service\n',
    )
  })

  test('nothing where there is no sudo, or no service, and why', () => {
    expect(planSudoers(machine().context.world, 'acme', hooks)).toMatchObject({
      text: undefined,
      why: expect.stringMatching(/sudo is not installed/),
    })
    expect(planSudoers(withServices([]).context.world, 'acme', hooks)).toMatchObject({ text: undefined })
  })

  test('a file of somebody else is left alone', () => {
    const { context } = withServices(['nginx'], { files: { [path]: 'acme ALL=ALL\n' } })
    expect(() => planSudoers(context.world, 'acme', hooks)).toThrow(/is not ours/)
  })
})

describe('putting it in place', () => {
  test('a file that visudo refuses does not get there, and none of it is left', async () => {
    const { context, files } = withServices(['nginx'], {
      run: ([program]) =>
        program === '/usr/sbin/visudo' ? { exit: 1, stderr: 'parse error near line 2' } : { exit: 0 },
    })
    const plan = planSudoers(context.world, 'acme', hooks)
    await expect(installSudoers(context.world, plan, context.signal)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('parse error near line 2'),
    })
    expect(files.list('/etc/sudoers.d')).toEqual([])
  })

  test('mode 0440; twice is the same as once, and asks visudo once', async () => {
    const { context, files, ran } = withServices(['nginx'])
    const plan = planSudoers(context.world, 'acme', hooks)
    expect(await installSudoers(context.world, plan, context.signal)).toBe(path)
    expect(files.info(path)?.mode).toBe(0o440)
    expect(await installSudoers(context.world, plan, context.signal)).toBeUndefined()
    expect(ran.map(({ argv }) => argv)).toEqual([['/usr/sbin/visudo', '-c', '-f', `${path}.new`]])
  })
})

test.each([
  ['acme:x:0:0::/:/bin/sh', /cannot be the user/],
  ['acme:x:abc:0::/:/bin/sh', /cannot be the user/],
])('an entry of passwd that is %s is refused', (entry, message) => {
  const { files } = machine({ files: { '/etc/passwd': `${entry}\n` } })
  expect(() => accountOf(files, 'acme')).toThrow(message)
})

describe('--user is refused with words, and nothing is made or started', () => {
  const node = { '/usr/bin/node': '', '/usr/bin/dns01': '', '/etc/passwd': 'root:x:0:0::/root:/bin/sh\n' }
  test.each<[string, string, MachineOptions, string, string?]>([
    ['root', 'root', {}, 'USAGE "root" is not a name for a user of its own'],
    ['a name with a space', 'a b', {}, 'USAGE "a b" is not a name'],
    ['by who is not root', 'acme', { uid: 1000 }, 'USAGE --user acme is for root', 'as acme itself: dns01 quickstart'],
    [
      'an env file of somebody else',
      'acme',
      { files: { '/etc/dns01/acme/env': 'A=b\n' } },
      'CONFIG /etc/dns01/acme/env belongs to user 0, and acme could not read it',
      'chown acme /etc/dns01/acme/env',
    ],
    [
      'a state directory of root that is in use',
      'acme',
      { folders: ['/var/lib/acme/live'] },
      'CONFIG /var/lib/acme belongs to user 0 and is not empty',
      'useradd --system acme && chown -R acme: /var/lib/acme',
    ],
    ['a file in its place', 'acme', { files: { '/var/lib/acme': '' } }, 'CONFIG /var/lib/acme is not a folder'],
    [
      'a sudoers file of somebody else',
      'acme',
      { files: { [path]: 'acme ALL=ALL\n' } },
      'CONFIG /etc/sudoers.d/dns01-acme is not ours, and stays as it is',
    ],
    [
      'renewal by root',
      'acme',
      { files: { '/etc/cron.d/mine': '1 * * * * root dns01 --batch\n' } },
      'CONFIG /etc/cron.d/mine renews what is in /var/lib/acme as root',
    ],
  ])('%s', async (_, name, more, message, hint = '') => {
    const { context, files, ran } = machine({ ...more, files: { ...node, ...more.files } })
    const world = { ...context.world, become: () => context.world }
    const before = files.changes
    const [code, ...words] = message.split(' ')
    await expect(prepareUser({ ...context, world }, name)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words.join(' ')),
      ...(hint && { hint: expect.stringContaining(hint) }),
    })
    expect(files.changes).toBe(before)
    expect(ran).toEqual([])
  })

  test('a program that no other user can start', async () => {
    const { context, files } = machine({ files: node })
    files.putFolder('/root/.nvm', 0o700)
    files.putLink('/usr/bin/dns01', '/root/.nvm/dns01')
    files.put('/root/.nvm/dns01', '', 0o755)
    const world = { ...context.world, become: () => context.world }
    await expect(prepareUser({ ...context, world }, 'acme')).rejects.toThrow(
      'no other user can start this program: /root/.nvm is not open to all',
    )
  })
})

import { describe, expect, test } from 'vitest'
import { quickstart } from '../../../src/commands/quickstart.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'

const CA = 'https://ca.test/directory'
const RESPONSES = '/var/lib/acme/conf/responses'
const answers = (more: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    'acme-enter-email': '',
    'acme-agreement:https://ca.test/terms': true,
    'acmetool-quickstart-choose-server': CA,
    'acmetool-quickstart-install-cronjob': true,
    ...more,
  })

/** A machine on which quickstart was run. */
async function prepared(options: MachineOptions = {}, more: Readonly<Record<string, unknown>> = {}): Promise<Machine> {
  const files = { [RESPONSES]: answers(more), ...options.files }
  const on = machine({ ...options, env: { DNS01_PROVIDER: 'memory', ...options.env }, files })
  expect(await quickstart.run({}, on.context)).toEqual([])
  on.shown.length = 0
  on.ran.length = 0
  return on
}
const undo = (on: Machine, more = {}) => quickstart.run({ undo: true, ...more }, on.context)
const tree = (on: Machine): string[] => on.files.tree('/').filter(line => !/\.dns01|^folder/.test(line))

describe('quickstart --undo', () => {
  test('takes out cron file and hooks, and nothing of the state directory; again it finds nothing', async () => {
    const on = await prepared()
    const before = tree(on)
    expect(await undo(on)).toEqual([])
    expect(before.filter(line => !tree(on).includes(line))).toEqual([
      'file 755 etc/acme/hooks/haproxy',
      'file 755 etc/acme/hooks/reload',
      'file 644 etc/cron.d/dns01',
    ])
    expect(on.shown).toEqual([
      'removed  the line of dns01 in /etc/cron.d/dns01',
      'removed  /etc/acme/hooks/haproxy',
      'removed  /etc/acme/hooks/reload',
      'left     accounts at CAs: dns01 account deactivate',
      'left     /var/lib/acme: keys, certificates, accounts, settings: rm -r /var/lib/acme',
      'left     the program: npm uninstall -g dns01',
    ])
    const after = tree(on)
    on.shown.length = 0
    await undo(on)
    expect(on.shown[0]).toBe('there is nothing of quickstart to remove')
    expect(tree(on)).toEqual(after)
  })

  test('--simulate shows the same, and changes nothing', async () => {
    const on = await prepared()
    const before = tree(on)
    await undo(on, { simulate: true })
    expect(on.shown[0]).toBe('would remove  the line of dns01 in /etc/cron.d/dns01')
    expect(tree(on)).toEqual(before)
  })

  test('and quickstart again: all is there as before', async () => {
    const on = await prepared()
    const before = tree(on)
    await undo(on)
    await quickstart.run({}, on.context)
    expect(tree(on)).toEqual(before)
  })

  test('what somebody wrote or changed stays, and is named', async () => {
    const on = await prepared()
    on.files.put('/etc/cron.d/dns01', `FOO=bar\n${on.files.text('/etc/cron.d/dns01')}0 5 * * * root backup\n`)
    on.files.put('/etc/acme/hooks/reload', `${on.files.text('/etc/acme/hooks/reload')}# mine\n`, 0o755)
    on.files.put('/etc/acme/hooks/own', '#!/bin/sh\n', 0o755)
    on.files.put('/etc/cron.daily/acme', '#!/bin/sh\ndns01 --batch\n', 0o755)
    await undo(on)
    expect(on.files.text('/etc/cron.d/dns01')).toMatch(/^FOO=bar\nSHELL=.*\nMAILTO=root\n0 5 \* \* \* root backup\n$/s)
    expect(on.files.tree('/etc/acme/hooks')).toEqual(['file 755 own', 'file 755 reload'])
    expect(on.shown.filter(line => line.startsWith('left')).slice(0, 3)).toEqual([
      'left     /etc/cron.d/dns01, with what else stands in it: rm /etc/cron.d/dns01',
      "left     /etc/cron.daily/acme, which starts dns01 and is not quickstart's",
      'left     /etc/acme/hooks/reload, of another version, or changed: rm /etc/acme/hooks/reload',
    ])
  })

  test('hooks stay with another state directory that is renewed here', async () => {
    const on = await prepared()
    on.files.put('/etc/cron.d/other', '1 2 * * * root dns01 --batch --state=/srv/acme reconcile\n')
    await undo(on)
    expect(on.files.tree('/etc/cron.d')).toEqual(['file 644 other'])
    expect(on.shown).toContain('left     /etc/acme/hooks/reload, which /etc/cron.d/other needs, too')
  })

  test('a crontab loses our line, and no other', async () => {
    let own = '5 5 * * * acmetool\n1 2 * * * dns01 --batch --state=/srv/other\n'
    const options: MachineOptions = {
      uid: 1000,
      env: { ACME_HOOKS_DIR: '/home/a/hooks' },
      files: { '/usr/bin/crontab': '' },
      run: (argv, { input }) => {
        if (argv[1] === '-') own = input
        return { exit: 0, output: argv[1] === '-l' ? own : '' }
      },
    }
    const before = own.replace(/^5 5.*\n/, '')
    own = before
    const on = await prepared(options)
    expect(own).not.toBe(before)
    await undo(on)
    expect(own).toBe(before)
  })

  test('a timer is stopped, and its units go; a drop-in stays', async () => {
    const units = '/etc/systemd/system'
    const systemd = { 'acmetool-quickstart-install-cronjob': 'systemd' }
    const on = await prepared({ folders: ['/run/systemd/system'] }, systemd)
    on.files.putLink(`${units}/timers.target.wants/dns01.timer`, `${units}/dns01.timer`) // as systemctl enable does
    on.files.put(`${units}/dns01.service.d/mine.conf`, '[Service]\n')
    await undo(on)
    expect(on.ran.map(({ argv }) => argv.join(' '))).toEqual([
      'systemctl disable --now dns01.timer',
      'systemctl daemon-reload',
    ])
    expect(on.files.tree(units).filter(line => line.startsWith('file'))).toEqual(['file 644 dns01.service.d/mine.conf'])
    expect(on.shown).toContain(`left     ${units}/dns01.service.d, which is yours: rm -r ${units}/dns01.service.d`)
  })

  describe('the env file', () => {
    const env = '/etc/dns01/env'
    test.each<[string, string, Record<string, unknown>, boolean]>([
      ['with settings stays', "AWS_SECRET_ACCESS_KEY='hush'\n", {}, true],
      [
        'goes when somebody says so',
        "AWS_SECRET_ACCESS_KEY='hush'\n",
        { 'dns01-quickstart-undo-env-file': true },
        false,
      ],
      ['without settings goes', '# nothing\n', {}, false],
    ])('%s', async (_, text, more, stays) => {
      const on = await prepared({}, more)
      on.files.put(env, text, 0o600)
      await undo(on)
      expect(on.files.info(env) !== undefined).toBe(stays)
      if (stays) expect(on.shown).toContain(`left     ${env} (AWS_SECRET_ACCESS_KEY): rm ${env}`)
      expect(on.shown.join()).not.toContain('hush')
    })
  })

  test.each([
    ['yes', false],
    ['no', true],
  ])('on a terminal it asks first: %s', async (said, stays) => {
    const on = await prepared()
    const asking = machine({ replies: { 'Remove them?': said } })
    const context = { ...on.context, world: { ...on.context.world, prompt: asking.context.world.prompt } }
    await quickstart.run({ undo: true }, context)
    expect(on.files.info('/etc/cron.d/dns01') !== undefined).toBe(stays)
    if (stays) expect(on.shown[0]).toBe('nothing was removed')
  })

  test.each([
    [{ undo: true, expert: true }, /--undo goes without --expert/],
    [{ undo: true, user: 'acme' }, /--undo goes without --user/],
    [{ simulate: true }, /--simulate is for quickstart --undo/],
  ])('%j is an error that says what to do', async (args, message) => {
    const on = machine()
    await expect(quickstart.run(args, on.context)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(message),
    })
  })
})

import { describe, expect, test } from 'vitest'
import { findSchedule } from '../../../src/quickstart/found.js'
import { type MachineOptions, machine } from '../../fakes/machine.js'

const STATE = '/var/lib/acme'
const PASSWD = 'root:x:0:0::/root:/bin/sh\nacme:x:990:990::/home/acme:/usr/sbin/nologin\n'

const find = async (options: MachineOptions, state = STATE): Promise<string | undefined> => {
  const on = machine({ ...options, files: { '/etc/passwd': PASSWD, ...options.files } })
  return (await findSchedule(on.context.world, state))?.by
}

const cronFile = (text: string, name = 'dns01'): MachineOptions => ({ files: { [`/etc/cron.d/${name}`]: text } })
const daily = '17 3 * * *'
const run = `${daily} root /usr/bin/dns01 --batch`

describe('a line in /etc/cron.d starts renewals', () => {
  test.each([
    ['dns01 alone', `${daily} root dns01\n`],
    ['with --batch and reconcile', `${run} reconcile\n`],
    ['without a last newline', run],
    ['by node', `${daily} root /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n`],
    ['acmetool', `${daily} root /usr/bin/acmetool --batch reconcile\n`],
    ['after a test', `${daily} root test -x /usr/bin/dns01 && /usr/bin/dns01 --batch >/dev/null 2>&1\n`],
    ['after a pause', `${daily} root sleep 5; chronic nice -n 10 dns01 -q --batch\n`],
    ['in a shell of its own', `${daily} root sh -c 'cd / && dns01 --batch'\n`],
    ['with a variable of the command', `${daily} root env A=b ACME_STATE_DIR=${STATE} dns01 --batch\n`],
    ['with this state directory as a flag', `${run} --state ${STATE}/ reconcile\n`],
    ['with this state directory as a variable of the file', `ACME_STATE_DIR="${STATE}"\n${run}\n`],
    ['with a word for the time', '@daily root dns01 --batch\n'],
    ['with flags that take a word', `${run} --lock-wait 5 --hooks /srv/hooks reconcile\n`],
  ])('%s', async (_, text) => {
    expect(await find(cronFile(text))).toBe('/etc/cron.d/dns01')
  })
})

describe('a line in /etc/cron.d starts none', () => {
  test.each([
    ['a comment', `#${run}\n # ${run}\n`],
    ['another user', run.replace('root', 'acme')],
    ['as another user', `${daily} root sudo -u acme dns01 --batch\n`],
    ['another state directory as a flag', `${run} --state=/srv/acme reconcile\n`],
    ['… quoted', `${run} "--state=/srv/my acme" reconcile\n`],
    ['another state directory as a variable of the file', `ACME_STATE_DIR=/srv/acme\n${run}\n`],
    ['another state directory as a variable of the command', `${daily} root ACME_STATE_DIR=/srv/acme dns01 --batch\n`],
    ['only a word in it', `${daily} root echo dns01 --batch reconcile\n`],
    ['a path in it', `${daily} root tar cf /backup/acmetool.tar /etc/dns01\n`],
    ['another command of ours', `${daily} root dns01 status\n`],
    ['a trial', `${daily} root dns01 cull --simulate\n`],
    ['a test without the run', `${daily} root test -x /usr/bin/dns01\n`],
    ['what comes on standard input', `${daily} root cat %dns01 --batch\n`],
    ['at boot only', '@reboot root dns01 --batch\n'],
    ['on a day that never comes', '0 0 30 2 * root dns01 --batch\n'],
    ['nothing', ''],
    ['no time', 'root dns01 --batch\n'],
  ])('%s', async (_, text) => {
    expect(await find(cronFile(text))).toBeUndefined()
  })

  test('a file that cron passes over', async () => {
    expect(await find(cronFile(run, 'dns01.dpkg-old'))).toBeUndefined()
  })
})

describe('which state directory', () => {
  test('links on the way to it do not matter', async () => {
    const links = { '/var/lib/acme': '/srv/acme' }
    expect(await find({ ...cronFile(`${run} --state=/srv/acme`), links, folders: ['/srv/acme'] })).toBeDefined()
    expect(await find({ ...cronFile(run), links, folders: ['/srv/acme'] }, '/srv/acme')).toBeDefined()
  })

  test('the env file of the run says it, too', async () => {
    const env = { '/etc/cron.d/dns01': `${run} --env-file=/srv/env`, '/srv/env': 'ACME_STATE_DIR=/srv/acme\n' }
    const on = machine({ files: env })
    on.files.give('/srv/env', { mode: 0o600 })
    expect(await findSchedule(on.context.world, STATE)).toBeUndefined()
    expect((await findSchedule(on.context.world, '/srv/acme'))?.by).toBe('/etc/cron.d/dns01')
  })

  test('another one, by its own line', async () => {
    expect(await find(cronFile(`${run} --state=/srv/acme`), '/srv/acme')).toBe('/etc/cron.d/dns01')
    expect(await find(cronFile(run), '/srv/acme')).toBeUndefined()
  })
})

describe('other places', () => {
  const own = (text: string) => ({
    uid: 990,
    files: { '/usr/bin/crontab': '' },
    run: () => ({ exit: 0, output: text }),
  })

  test.each<[string, MachineOptions, string | undefined]>([
    ['the own crontab', own('1 1 * * * dns01 --batch\n'), 'your crontab'],
    ['a comment there', own('#5 5 * * * acmetool\n'), undefined],
    ['another state directory there', own('ACME_STATE_DIR=/home/acme/state\n1 1 * * * dns01\n'), undefined],
    ['a crontab that may not be read', { ...own(''), run: () => ({ exit: 1, stderr: 'not allowed' }) }, undefined],
    ['root’s crontab', { ...own('1 1 * * * dns01\n'), uid: 0 }, 'your crontab'],
    ['another user’s crontab', { files: { '/var/spool/cron/crontabs/acme': '1 1 * * * dns01 --batch' } }, undefined],
    ['a line of cron.d for this user', { ...cronFile(run.replace('root', 'acme')), uid: 990 }, '/etc/cron.d/dns01'],
    ['/etc/crontab', { files: { '/etc/crontab': `${run}\n` } }, '/etc/crontab'],
    [
      'a script for every day',
      { files: { '/etc/cron.daily/acmetool': '#!/bin/sh\nacmetool --batch\n' } },
      '/etc/cron.daily/acmetool',
    ],
    [
      '… of root, for another user',
      { uid: 990, files: { '/etc/cron.daily/acmetool': '#!/bin/sh\nacmetool\n' } },
      undefined,
    ],
    [
      '… for another state directory',
      { files: { '/etc/cron.daily/dns01': 'export ACME_STATE_DIR=/x\ndns01\n' } },
      undefined,
    ],
    ['a script for every week', { files: { '/etc/cron.weekly/dns01': '#!/bin/sh\ndns01\n' } }, undefined],
  ])('%s', async (_, options, expected) => {
    expect(await find(options)).toBe(expected)
  })

  const timer = (service: string, calendar = 'OnCalendar=*-*-* 00,12:00:00', name = 'acmetool'): MachineOptions => ({
    files: {
      [`/lib/systemd/system/${name}.timer`]: `[Timer]\n${calendar}\n`,
      [`/lib/systemd/system/${name}.service`]: `[Service]\n${service}\n`,
    },
    links: { [`/etc/systemd/system/timers.target.wants/${name}.timer`]: `/lib/systemd/system/${name}.timer` },
  })

  test.each<[string, MachineOptions, string | undefined]>([
    ['enabled', timer('ExecStart=/usr/bin/acmetool --batch reconcile'), 'the systemd timer acmetool.timer'],
    ['under any name', timer('ExecStart=-/usr/bin/dns01', '', 'tls'), 'the systemd timer tls.timer'],
    ['for another user', timer('User=acme\nExecStart=/usr/bin/dns01 --batch'), undefined],
    ['for another state directory', timer('ExecStart=/usr/bin/dns01 "--state=/srv/a b"'), undefined],
    ['… as a variable', timer('Environment="ACME_STATE_DIR=/srv/a"\nExecStart=/usr/bin/dns01'), undefined],
    ['of another program', timer('ExecStart=/usr/bin/certbot renew', '', 'dns01'), undefined],
    ['only shipped, as Debian does', { ...timer('ExecStart=/usr/bin/acmetool'), links: {} }, undefined],
  ])('a timer: %s', async (_, options, expected) => {
    expect(await find(options)).toBe(expected)
  })
})

test('of several the one that runs most often counts, with the longest time between two runs', async () => {
  const on = machine({ files: { '/etc/cron.d/a': run, '/etc/cron.d/b': '5 */4 * * * root dns01\n' } })
  expect(await findSchedule(on.context.world, STATE)).toMatchObject({ by: '/etc/cron.d/b', everySeconds: 4 * 3600 })
})

import { describe, expect, test } from 'vitest'
import { clientsIn, otherClients, tellOthers } from '../../../src/quickstart/other-clients.js'
import { type MachineOptions, machine } from '../../fakes/machine.js'

describe('a line for sh', () => {
  test.each([
    [
      "test -x /usr/bin/certbot -a \\! -d /run/systemd/system && perl -e 'sleep int(rand(43200))' && certbot -q renew",
      ['certbot'],
    ],
    ['/opt/certbot/bin/certbot renew --quiet', ['certbot']],
    ['/usr/local/bin/certbot-auto renew', ['certbot']],
    ['sudo -u x flock -n /run/l certbot renew', ['certbot']],
    ["sh -c 'cd /; certbot renew'", ['certbot']],
    ['/usr/bin/snap run --timer="00:00~24:00/2" certbot.renew', ['certbot']],
    ['"/root/.acme.sh"/acme.sh --cron --home "/root/.acme.sh" > /dev/null', ['acme.sh']],
    ['cd /etc/lego && LEGO_PATH=x lego --email a@b --dns route53 -d a.test renew --days 30', ['lego']],
    ['/usr/bin/dehydrated -c', ['dehydrated']],
    ['uacme -h /usr/share/uacme/uacme.sh issue a.test', ['uacme']],
    ['certbot certificates', []],
    ['echo certbot renew', []],
    ['tar cf /backup/certbot.tar /etc/letsencrypt', []],
    ['lego list', []],
    ['systemctl reload nginx', []],
  ])('%s', (line, clients) => {
    expect(clientsIn(line)).toEqual(clients)
  })
})

const units = '/etc/systemd/system'
const found = (options: MachineOptions) => otherClients(machine(options).context.world)

test.each<[string, MachineOptions, [string, string][]]>([
  [
    '/etc/crontab',
    { files: { '/etc/crontab': '# x\n0 0 * * * root certbot renew\n' } },
    [['line 2 of /etc/crontab', 'take out line 2 of /etc/crontab']],
  ],
  [
    'a line of another user',
    { files: { '/var/spool/cron/crontabs/www': '0 0 * * * acme.sh --cron\n' } },
    [['line 1 of /var/spool/cron/crontabs/www', 'acme.sh --uninstall-cronjob']],
  ],
  [
    'one’s own crontab',
    { uid: 1000, files: { '/usr/bin/crontab': '' }, run: () => ({ exit: 0, output: '0 0 * * * lego renew\n' }) },
    [['line 1 of your crontab', 'crontab -e, and take out line 1 of your crontab']],
  ],
  [
    'not others’, without being root',
    { uid: 1000, files: { '/var/spool/cron/crontabs/www': '0 0 * * * lego renew\n' } },
    [],
  ],
  [
    'Debian’s cron file, where systemd has its timer',
    {
      folders: ['/run/systemd/system'],
      files: {
        '/etc/cron.d/certbot': '0 0 * * * root test ! -d /run/systemd/system && certbot -q renew\n',
        [`${units}/certbot.timer`]: '[Timer]\n',
        [`${units}/certbot.service`]: '[Service]\nExecStart=/usr/bin/certbot -q renew\n',
      },
      links: { [`${units}/timers.target.wants/certbot.timer`]: `${units}/certbot.timer` },
    },
    [['certbot.timer', 'systemctl disable --now certbot.timer']],
  ],
])('found: %s', async (_, options, all) => {
  expect((await found(options)).map(({ where, stop }) => [where, stop])).toEqual(all)
})

test('a script of cron.daily counts when run-parts would start it', async () => {
  const on = machine()
  on.files.put('/etc/cron.daily/certbot', '#!/bin/sh\ncertbot renew\n', 0o755)
  on.files.put('/etc/cron.daily/off', '#!/bin/sh\ncertbot renew\n', 0o644)
  expect(await otherClients(on.context.world)).toEqual([
    { client: 'certbot', where: '/etc/cron.daily/certbot', stop: 'chmod -x /etc/cron.daily/certbot' },
  ])
})

test('each client is told once, with all its places and what takes its certificates over', async () => {
  const on = machine()
  const at = (where: string, client: 'certbot' | 'dehydrated') => ({ client, where, stop: `stop ${where}` })
  tellOthers(on.context.world, [at('a', 'certbot'), at('b', 'certbot'), at('c', 'dehydrated')])
  tellOthers(on.context.world, [at('a', 'certbot')], 'certbot')
  expect(on.said).toEqual([
    expect.stringMatching(/^notice: certbot renews certificates here, too \(a, b\)/),
    expect.stringMatching(/^notice: dehydrated renews certificates here, too \(c\)/),
    expect.stringMatching(/^notice: certbot goes on renewing these, too \(a\)/),
  ])
})

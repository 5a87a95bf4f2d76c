import { describe, expect, test } from 'vitest'
import { openAnswers } from '../../../src/quickstart/answers.js'
import { renewalOf } from '../../../src/quickstart/renewal.js'
import { installSchedule, planSchedule } from '../../../src/quickstart/schedule.js'
import { responses } from '../../../src/state/responses.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'

const CRON = 'acmetool-quickstart-install-cronjob'
const SYSTEMD = '/run/systemd/system'
const STATE = '/var/lib/acme'

interface Done {
  readonly on: Machine
  readonly by: string | undefined
}

async function schedule(
  answer: string | boolean | undefined,
  options: MachineOptions = {},
  state = STATE,
): Promise<Done> {
  const on = machine(options)
  const { world, signal } = on.context
  const answers = openAnswers(responses(new Map(answer === undefined ? [] : [[CRON, answer]])), world.prompt)
  const planned = await planSchedule(world, answers)
  const changes = on.files.changes
  expect(changes, 'planning changes nothing').toBe(0)
  return { on, by: await installSchedule(world, planned, renewalOf(world, state), signal) }
}

describe('cron', () => {
  test('the flags that are not the default go along, quoted for sh and for cron', async () => {
    const env = { ACME_HOOKS_DIR: '/srv/my "hooks"\n/b', DNS01_ENV_FILE: '/etc/50%$x' }
    const { on, by } = await schedule(true, { env }, '/srv/a b')
    expect(by).toBe('/etc/cron.d/dns01')
    expect(on.files.text('/etc/cron.d/dns01')).toContain(
      ' root /usr/bin/node /usr/bin/dns01 --batch --state="/srv/a b" --hooks="/srv/my \\"hooks\\"" --hooks=/b --env-file="/etc/50\\%\\$x" reconcile\n',
    )
  })

  test('at any minute of the day', async () => {
    const { context } = machine()
    const at = (high: number, low: number): number =>
      renewalOf({ ...context.world, random: () => Uint8Array.of(high, low) }, STATE).minuteOfDay
    expect([at(0, 0), at(5, 159), at(5, 160), at(255, 255)]).toEqual([0, 1439, 0, 735])
  })

  test('for others than root by crontab(1), after the lines that are there', async () => {
    const there = '0 1 * * * backup'
    const run = ([, flag]: readonly string[]) => ({ exit: 0, output: flag === '-l' ? there : '' })
    const { on, by } = await schedule(true, { uid: 1000, run, files: { '/usr/bin/crontab': '' } })
    expect(by).toBe('your crontab')
    expect(on.ran.at(-1)?.argv).toEqual(['crontab', '-'])
    expect(on.ran.at(-1)?.input).toMatch(
      /^0 1 \* \* \* backup\n\d+ \d+ \* \* \* \/usr\/bin\/node \/usr\/bin\/dns01 --batch reconcile\n$/,
    )
  })

  test('who has no crontab gets one', async () => {
    const run = ([, flag]: readonly string[]) =>
      flag === '-l' ? { exit: 1, stderr: 'no crontab for me' } : { exit: 0 }
    const { on } = await schedule(true, { uid: 1000, run, files: { '/usr/bin/crontab': '' } })
    expect(on.ran.at(-1)?.input).toMatch(/^\d+ \d+ \* \* \* \/usr\/bin\/node .*\n$/)
  })

  test('a crontab that cannot be read is not overwritten', async () => {
    const run = () => ({ exit: 1, stderr: 'crontabs/me: Permission denied' })
    const options = { uid: 1000, run, files: { '/usr/bin/crontab': '' } }
    await expect(schedule(true, options)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('Permission denied'),
    })
  })
})

describe('a systemd timer', () => {
  const units = '/etc/systemd/system'

  test.each<[string, string | boolean, MachineOptions]>([
    ['where systemd runs and cron is missing', true, { folders: [SYSTEMD] }],
    ['when the answer asks for it', 'systemd', { folders: [SYSTEMD], files: { '/usr/sbin/cron': '' } }],
  ])('%s', async (_, answer, options) => {
    const { on, by } = await schedule(answer, options)
    expect(by).toBe('the systemd timer dns01.timer')
    expect(on.files.info('/etc/cron.d/dns01')).toBeUndefined()
    expect(on.ran.map(({ argv }) => argv.join(' '))).toEqual([
      'systemctl daemon-reload',
      'systemctl enable --now dns01.timer',
    ])
    const service = on.files.text(`${units}/dns01.service`)
    expect(service).toContain('\nExecStart=/usr/bin/node /usr/bin/dns01 --batch reconcile\n')
    expect(service).toContain('\nReadWritePaths=/var/lib/acme\n')
    expect(service).toContain('\nProtectSystem=strict\n')
    const timer = on.files.text(`${units}/dns01.timer`)
    expect(timer).toMatch(/\nOnCalendar=\*-\*-\* [0-2]\d:[0-5]\d:00\nRandomizedDelaySec=1h\nPersistent=yes\n/)
  })

  test('words are quoted for systemd', async () => {
    const { on } = await schedule('systemd', { folders: [SYSTEMD], env: { ACME_HOOKS_DIR: '/a b/$x' } }, '/srv/50% "x"')
    const service = on.files.text(`${units}/dns01.service`)
    expect(service).toContain(' "--state=/srv/50%% \\"x\\"" "--hooks=/a b/$$x" reconcile\n')
    expect(service).toContain('\nReadWritePaths="/srv/50%% \\"x\\""\n')
  })

  test('when systemd does not take it nothing is left', async () => {
    const run = () => ({ exit: 1, stderr: 'Failed to connect to bus' })
    const on = machine({ folders: [SYSTEMD], run })
    const { world, signal } = on.context
    await expect(installSchedule(world, { how: 'systemd' }, renewalOf(world, STATE), signal)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('Failed to connect to bus'),
    })
    expect(on.files.tree(units)).toEqual([])
  })
})

describe('is not asked about, and not installed, when something starts renewals already', () => {
  test.each<[string, MachineOptions, string]>([
    ['/etc/cron.d/dns01', { files: { '/etc/cron.d/dns01': 'x' } }, '/etc/cron.d/dns01'],
    ['acmetool’s file', { files: { '/etc/cron.daily/my-acmetool': 'x' } }, '/etc/cron.daily/my-acmetool'],
    [
      'a crontab',
      { files: { '/var/spool/cron/crontabs/me': '1 1 * * * dns01 --batch' } },
      '/var/spool/cron/crontabs/me',
    ],
    [
      'an enabled timer',
      { links: { '/etc/systemd/system/timers.target.wants/acmetool.timer': '/lib/systemd/system/acmetool.timer' } },
      'the systemd timer acmetool.timer',
    ],
    [
      'the own crontab',
      { uid: 1000, files: { '/usr/bin/crontab': '' }, run: () => ({ exit: 0, output: '1 1 * * * dns01 --batch\n' }) },
      'your crontab',
    ],
  ])('%s', async (_, options, expected) => {
    const { on, by } = await schedule(undefined, { ...options, replies: {} })
    expect(by).toBe(expected)
    expect(on.files.changes).toBe(0)
    expect(on.said.some(line => line.includes('let it call dns01'))).toBe(expected.includes('acmetool'))
  })

  test('a timer that is only shipped, as Debian does, starts nothing', async () => {
    const { by } = await schedule(true, { files: { '/lib/systemd/system/acmetool.timer': '' } })
    expect(by).toBe('/etc/cron.d/dns01')
  })
})

describe('is left alone, with the line to add', () => {
  test.each<[string, string | boolean | undefined, MachineOptions, string]>([
    ['no answer', undefined, {}, 'nobody answered'],
    ['the answer no', false, {}, 'you said no'],
    ['neither cron nor systemd', true, { uid: 1000 }, 'neither cron nor systemd'],
  ])('%s', async (_, answer, options, why) => {
    const { on, by } = await schedule(answer, options)
    expect(by).toBeUndefined()
    expect(on.said.join()).toContain(why)
    expect(on.said.join()).toContain('  /usr/bin/node /usr/bin/dns01 --batch reconcile')
    expect(on.files.changes).toBe(0)
  })
})

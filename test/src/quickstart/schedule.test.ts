import { describe, expect, test } from 'vitest'
import { openAnswers } from '../../../src/quickstart/answers.js'
import { nameFor, renewalOf } from '../../../src/quickstart/renewal.js'
import { installSchedule, planSchedule } from '../../../src/quickstart/schedule.js'
import { responses } from '../../../src/state/responses.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
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
  stateDir = STATE,
): Promise<Done> {
  const on = machine(options)
  const { world, signal } = on.context
  const state = await StateDir.open(world, stateDir, { readOnly: true })
  const answers = openAnswers(responses(new Map(answer === undefined ? [] : [[CRON, answer]])), world.prompt)
  const planned = await planSchedule(world, answers, state)
  expect(on.files.changes, 'planning changes nothing').toBe(0)
  return { on, by: await installSchedule(world, planned, signal) }
}

const HOURS = '(0,6,12,18|1,7,13,19|2,8,14,20|3,9,15,21|4,10,16,22|5,11,17,23)'

describe('cron', () => {
  test('the flags that are not the default go along, quoted for sh and for cron', async () => {
    const env = { ACME_HOOKS_DIR: '/srv/my "hooks"\n/b', DNS01_ENV_FILE: '/etc/50%$x' }
    const { on, by } = await schedule(true, { env }, '/srv/a b')
    expect(by).toMatch(/^\/etc\/cron\.d\/dns01-srv-a_b-[0-9a-f]{6}$/)
    expect(on.files.text(by as string)).toContain(
      ' root /usr/bin/node -- /usr/bin/dns01 --batch --state="/srv/a b" --hooks="/srv/my \\"hooks\\"" --hooks=/b --env-file="/etc/50\\%\\$x" reconcile\n',
    )
  })

  test('at any minute of the day', async () => {
    const { context } = machine()
    const at = (high: number, low: number): number =>
      renewalOf({ ...context.world, random: () => Uint8Array.of(high, low) }, STATE, 3600).minuteOfDay
    expect([at(0, 0), at(5, 159), at(5, 160), at(255, 255)]).toEqual([0, 1439, 0, 735])
  })

  test('for others than root by crontab(1), after the lines that are there', async () => {
    const there = '0 1 * * * backup'
    const run = ([, flag]: readonly string[]) => ({ exit: 0, output: flag === '-l' ? there : '' })
    const { on, by } = await schedule(true, { uid: 1000, run, files: { '/usr/bin/crontab': '' } })
    expect(by).toBe('your crontab')
    expect(on.ran.at(-1)?.argv).toEqual(['crontab', '-'])
    expect(on.ran.at(-1)?.input).toMatch(
      new RegExp(
        `^0 1 \\* \\* \\* backup\n\\d+ ${HOURS} \\* \\* \\* /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n$`,
      ),
    )
  })

  test('who has no crontab gets one', async () => {
    const run = ([, flag]: readonly string[]) =>
      flag === '-l' ? { exit: 1, stderr: 'no crontab for me' } : { exit: 0 }
    const { on } = await schedule(true, { uid: 1000, run, files: { '/usr/bin/crontab': '' } })
    expect(on.ran.at(-1)?.input).toMatch(/^\d+ [\d,]+ \* \* \* \/usr\/bin\/node .*\n$/)
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
    expect(service).toContain('\nExecStart=/usr/bin/node -- /usr/bin/dns01 --batch reconcile\n')
    expect(service).toContain('\nReadWritePaths=/var/lib/acme\n')
    expect(service).toContain('\nProtectSystem=strict\n')
    const timer = on.files.text(`${units}/dns01.timer`)
    expect(timer).toMatch(/\nOnCalendar=\*-\*-\* 0[0-5]\/6:[0-5]\d:00\nRandomizedDelaySec=5min\nPersistent=yes\n/)
  })

  test('words are quoted for systemd', async () => {
    const options = { folders: [SYSTEMD], env: { ACME_HOOKS_DIR: '/a b/$x' } }
    const { on, by } = await schedule('systemd', options, '/srv/50% "x"')
    const [, name] = by?.match(/(dns01-srv-50___x_-[0-9a-f]{6})\.timer$/) ?? []
    const service = on.files.text(`${units}/${name}.service`)
    expect(service).toContain(' "--state=/srv/50%% \\"x\\"" "--hooks=/a b/$$x" reconcile\n')
    expect(service).toContain('\nReadWritePaths="/srv/50%% \\"x\\""\n')
  })

  test('when systemd does not take it nothing is left', async () => {
    const run = () => ({ exit: 1, stderr: 'Failed to connect to bus' })
    const on = machine({ folders: [SYSTEMD], run })
    const { world, signal } = on.context
    const planned = { how: 'systemd', renewal: renewalOf(world, STATE, 3600) } as const
    await expect(installSchedule(world, planned, signal)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringContaining('Failed to connect to bus'),
    })
    expect(on.files.tree(units)).toEqual([])
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
    expect(on.said.join()).toContain('every 6 h:\n  /usr/bin/node -- /usr/bin/dns01 --batch reconcile')
    expect(on.files.changes).toBe(0)
  })
})

describe('for every state directory', () => {
  const line = (flags: string): string =>
    `7 1,7,13,19 * * * root /usr/bin/node -- /usr/bin/dns01 --batch ${flags}reconcile\n`

  test('a file of its own, which the others survive', async () => {
    const usual = { '/etc/cron.d/dns01': line('') }
    const { on, by } = await schedule(true, { files: usual }, '/srv/inner')
    expect(by).toBe('/etc/cron.d/dns01-srv-inner')
    expect(on.files.text('/etc/cron.d/dns01')).toBe(line(''))
    expect(on.files.text('/etc/cron.d/dns01-srv-inner')).toContain(' --state=/srv/inner reconcile\n')
    const other = await schedule(true, { files: { '/etc/cron.d/dns01': line('--state=/srv/inner ') } })
    expect(other.by).toBe('/etc/cron.d/dns01-2')
    expect(other.on.files.text('/etc/cron.d/dns01')).toBe(line('--state=/srv/inner '))
  })

  test('units of their own, which the others survive', async () => {
    const unit = '/etc/systemd/system/dns01.service'
    const text = '[Service]\nExecStart=/usr/bin/dns01 --batch --state=/srv/x reconcile\nReadWritePaths=/srv/x\n'
    const { on, by } = await schedule('systemd', { folders: [SYSTEMD], files: { [unit]: text } })
    expect(by).toBe('the systemd timer dns01-2.timer')
    expect(on.files.text(unit)).toBe(text)
  })

  test('names are told apart', () => {
    const folders = [STATE, '/srv/a/b', '/srv/a-b', '/srv/a b', '/srv/a_b', '/srv/a.b', '/Srv/a/b']
    const names = folders.map(nameFor)
    expect(new Set(names).size).toBe(folders.length)
    for (const name of names) expect(name).toMatch(/^dns01[\w-]*$/)
  })
})

describe('quickstart run again', () => {
  test('makes its own line run every hour once a certificate of 24 hours is live', async () => {
    const on = machine({
      files: { '/etc/cron.d/dns01': '7 1,7,13,19 * * * root /usr/bin/node -- /usr/bin/dns01 --batch\n' },
    })
    const { world, signal } = on.context
    const state = await StateDir.open(world, STATE)
    await state.conform()
    const key = ecKey()
    await state.addKey(key)
    const id = await state.addOrder({ url: 'https://ca.test/1', accountId: undefined, keyId: key.id })
    const dates = { notBefore: new Date('2026-01-01T00:00:00Z'), notAfter: new Date('2026-01-02T00:00:00Z') }
    await state.storeCertificate(id, await selfSigned(key, ['a.test'], dates))
    await state.pointLive('a.test', id)
    const planned = await planSchedule(world, openAnswers(responses(new Map()), undefined), state)
    expect(await installSchedule(world, planned, signal)).toBe('/etc/cron.d/dns01')
    expect(on.files.text('/etc/cron.d/dns01')).toMatch(
      /^\d+ \* \* \* \* root \/usr\/bin\/node -- \/usr\/bin\/dns01 --batch\n$/,
    )
    expect(on.said.join()).toContain('every hour from now on')
  })

  const daily = `SHELL=/bin/sh
PATH=/bin
MAILTO=ops
17 3 * * * root /usr/bin/node /usr/bin/dns01 --batch reconcile
`

  test('makes its own daily line of before run every 6 hours, and lets all else of the file be', async () => {
    const { on, by } = await schedule(undefined, { files: { '/etc/cron.d/dns01': daily } })
    expect(by).toBe('/etc/cron.d/dns01')
    expect(on.files.text(by as string)).toMatch(
      new RegExp(
        `^SHELL=/bin/sh\nPATH=/bin\nMAILTO=ops\n\\d+ ${HOURS} \\* \\* \\* root /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n$`,
      ),
    )
    expect(on.said.join('\n')).toContain('every 6 h from now on')
  })

  test('what somebody added to the command stays', async () => {
    const own = daily.replace('--batch', '--xlog.file=/var/log/dns01 --batch')
    const { on } = await schedule(undefined, { files: { '/etc/cron.d/dns01': own } })
    expect(on.files.text('/etc/cron.d/dns01')).toMatch(
      / root \/usr\/bin\/node \/usr\/bin\/dns01 --xlog\.file=\/var\/log\/dns01 --batch reconcile\n$/,
    )
    expect(on.files.text('/etc/cron.d/dns01')).not.toContain('17 3 * * *')
  })

  test('a line that runs more often stays as it is', async () => {
    const often = daily.replace('17 3 ', '17 */2 ').replace('node ', 'node -- ')
    const { on } = await schedule(undefined, { files: { '/etc/cron.d/dns01': often } })
    expect(on.files.changes).toBe(0)
  })

  test('a line of the own crontab is changed only if it is nothing but ours', async () => {
    const run =
      (crontab: string) =>
      ([, flag]: readonly string[]) => ({ exit: 0, output: flag === '-l' ? crontab : '' })
    const ours = '# mine\n17 3 * * * /usr/bin/node /usr/bin/dns01 --batch reconcile\n5 5 * * * backup\n'
    const options = { uid: 1000, files: { '/usr/bin/crontab': '' } }
    const changed = await schedule(undefined, { ...options, run: run(ours) })
    expect(changed.on.ran.at(-1)?.input).toMatch(
      /^# mine\n\d+ [\d,]+ \* \* \* \/usr\/bin\/node -- \/usr\/bin\/dns01 --batch reconcile\n5 5 \* \* \* backup\n$/,
    )
    const kept = await schedule(undefined, { ...options, run: run('17 3 * * * nice dns01 --batch >>/tmp/log\n') })
    expect(kept.by).toBe('your crontab')
    expect(kept.on.ran.filter(({ argv }) => argv[1] === '-')).toEqual([])
  })

  test('a daily timer of before runs every 6 hours', async () => {
    const files = {
      '/etc/systemd/system/dns01.timer': '[Timer]\nOnCalendar=*-*-* 03:17:00\nPersistent=yes\n',
      '/etc/systemd/system/dns01.service':
        '[Service]\nExecStart=/usr/bin/node /usr/bin/dns01 --batch reconcile\nNice=5\n',
    }
    const links = { '/etc/systemd/system/timers.target.wants/dns01.timer': '/etc/systemd/system/dns01.timer' }
    const { on, by } = await schedule(undefined, { files, links })
    expect(by).toBe('the systemd timer dns01.timer')
    expect(on.files.text('/etc/systemd/system/dns01.timer')).toMatch(
      /^\[Timer\]\nOnCalendar=\*-\*-\* 0[0-5]\/6:\d\d:00\nPersistent=yes\n$/,
    )
    expect(on.files.text('/etc/systemd/system/dns01.service')).toBe(
      '[Service]\nExecStart=/usr/bin/node -- /usr/bin/dns01 --batch reconcile\nNice=5\n',
    )
    expect(on.ran.map(({ argv }) => argv.join(' '))).toEqual([
      'systemctl daemon-reload',
      'systemctl restart dns01.timer',
    ])
  })
})

import { expect, test } from 'vitest'
import { KINDS, openNotifying, VARIABLES } from '../../../src/notify/settings.js'
import { OWN_SECRETS } from '../../../src/provider/catalog.js'
import { fakeLog } from '../../fakes/log.js'
import { fakeWorld } from '../../fakes/world.js'

const opened = (env: Record<string, string>, masked: string[] = []) =>
  openNotifying(fakeWorld({ env, log: fakeLog([], { masked }) }))
const login = { DNS01_NOTIFY_MAIL: 'a@b.example', DNS01_NOTIFY_SMTP_PASSWORD: 'secret' }

test('nothing set is nobody told', () => {
  expect(opened({ DNS01_PROVIDER: 'route53' })).toEqual({ channels: [], daysLeft: [] })
})

test.each<[string, Record<string, string>]>([
  ['DNS01_NOTIFY_SLAK is set, but nothing reads it', { DNS01_NOTIFY_SLAK: 'https://x.example' }],
  ['DNS01_NOTIFY_SLACK is not a URL', { DNS01_NOTIFY_SLACK: 'hooks.slack.com/x' }],
  ['DNS01_NOTIFY_SLACK is http', { DNS01_NOTIFY_SLACK: 'http://hooks.example/x' }],
  ['DNS01_NOTIFY_WEBHOOK has a user or password in it', { DNS01_NOTIFY_WEBHOOK: 'https://a:b@hooks.example/x' }],
  ['DNS01_NOTIFY_NTFY names no topic', { DNS01_NOTIFY_NTFY: 'https://ntfy.sh' }],
  ['DNS01_NOTIFY_GOTIFY_TOKEN is not set', { DNS01_NOTIFY_GOTIFY: 'https://gotify.example' }],
  ['DNS01_NOTIFY_MAIL: "<a@b.example>" is not a mail address', { DNS01_NOTIFY_MAIL: 'Admin <a@b.example>' }],
  ['DNS01_NOTIFY_MAIL: "-oQ/tmp"', { DNS01_NOTIFY_MAIL: '-oQ/tmp' }],
  ['DNS01_NOTIFY_MAIL: "Bcc:c@d" is not', { DNS01_NOTIFY_MAIL: 'a@b\nBcc:c@d' }],
  ['DNS01_NOTIFY_SMTP is not the URL of a mail server', { ...login, DNS01_NOTIFY_SMTP: 'mail.example:25' }],
  ['DNS01_NOTIFY_SMTP has a password in it', { ...login, DNS01_NOTIFY_SMTP: 'smtps://a:b@mail.example' }],
  ['DNS01_NOTIFY_SMTP names no user', { ...login, DNS01_NOTIFY_SMTP: 'smtps://mail.example' }],
  [
    'DNS01_NOTIFY_SMTP_PASSWORD is not set',
    { DNS01_NOTIFY_MAIL: 'a@b.example', DNS01_NOTIFY_SMTP: 'smtps://a@mail.example' },
  ],
  ['DNS01_NOTIFY_DAYS_LEFT must be numbers of days, not "two"', { DNS01_NOTIFY_DAYS_LEFT: '14, two' }],
])('%s: said, with what to do', (said, env) => {
  let error: { code?: string; message?: string; hint?: string } = {}
  try {
    opened(env)
  } catch (thrown) {
    error = thrown as typeof error
  }
  expect(error).toMatchObject({ code: 'CONFIG', hint: expect.stringMatching(/./) })
  expect(error.message).toContain(said)
})

test('who and where is told without what is secret; what is secret is masked', () => {
  const masked: string[] = []
  const env = {
    ...{ ...login, DNS01_NOTIFY_SMTP: 'smtps://dns01%40b.example@mail.example', DNS01_NOTIFY_DAYS_LEFT: '14 7,1' },
    ...{ DNS01_NOTIFY_TEAMS: 'https://teams.example/workflows/x?sig=y', DNS01_NOTIFY_TELEGRAM: '-1' },
    DNS01_NOTIFY_TELEGRAM_TOKEN: '123:abc',
  }
  const { channels, daysLeft } = opened(env, masked)
  expect(channels.map(({ name, to }) => `${name} ${to}`)).toEqual([
    'mail a@b.example by mail.example:465',
    'teams teams.example',
    'telegram api.telegram.org',
  ])
  expect(daysLeft).toEqual([14, 7, 1])
  expect(masked).toEqual(
    expect.arrayContaining(['secret', env.DNS01_NOTIFY_TEAMS, '/workflows/x?sig=y', env.DNS01_NOTIFY_TELEGRAM_TOKEN]),
  )
})

test('no hook and no provider gets a secret of notices', () => {
  const secrets = KINDS.flatMap(({ settings }) =>
    Object.values(settings)
      .filter(({ secret }) => secret)
      .flatMap(({ env }) => env),
  )
  expect(OWN_SECRETS.filter(name => name.startsWith('DNS01_NOTIFY_')).sort()).toEqual([...secrets].sort())
  expect(OWN_SECRETS).toContain('DNS01_PING_URL')
})

test('each variable is one kind’s alone', () => {
  expect(new Set(VARIABLES).size).toBe(VARIABLES.length)
})

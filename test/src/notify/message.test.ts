import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { Notice, Situation } from '../../../src/notify/decide.js'
import { messageOf } from '../../../src/notify/message.js'
import { WEBHOOKS } from '../../../src/notify/webhooks.js'
import type { TargetStatus } from '../../../src/renew/status.js'
import { fakeLog } from '../../fakes/log.js'

const now = new Date('2026-06-01T12:00:00Z')
const situation: Situation = { now, outcomes: [], targets: [], complete: true }
const where = { world: { self: { host: 'web1' } as never, log: fakeLog() }, stateDirectory: '/var/lib/acme' }

const failed = (name: string, message = `${name}: no`): Notice => ({
  kind: 'failed',
  outcome: { subject: name, names: [name as never], result: 'failed', error: new Dns01Error('REFUSED', message) },
})
const target = (name: string, days: number): TargetStatus => ({
  ...{ file: name, urgency: 'due', names: [name as never], ca: '', missing: [], recordsEnd: [], unlinked: [] },
  ...{
    notAfter: new Date(now.getTime() + days * 86_400_000),
    renewAt: new Date('2026-05-12T12:00:00Z'),
    due: 'renewal is due',
  },
})

test('of a thousand failures is one message, which is cut and counted', () => {
  const notices = Array.from({ length: 1000 }, (_, i) => failed(`h${i}.example`))
  const { subject, text, notices: data } = messageOf(notices, situation, where)
  expect(subject).toBe('dns01 on web1: 1000 fail (h0.example, h1.example, h2.example, and 997 more)')
  expect(text.split('\n').length).toBeLessThan(50)
  expect(text).toContain('and 990 more: dns01 status')
  expect(data.length).toBe(100)
})

test('of several kinds all are told, the worst first', () => {
  const well: Notice = {
    kind: 'well',
    about: 'c.example',
    since: new Date('2026-05-30T12:00:00Z'),
    target: target('c.example', 89),
  }
  const few: Notice = { kind: 'few-days', target: target('b.example', 9.5) }
  const { event, subject, text } = messageOf([well, few, failed('a.example')], situation, where)
  expect([event, subject]).toEqual([
    'trouble',
    'dns01 on web1: a.example fails; b.example: 9 d left; c.example is well again',
  ])
  expect(text).toBe(`This failed:
  a.example: no
    dns01 probe a.example looks into it

Little is left of these certificates:
  b.example: valid for 9 d, until 2026-06-11
    its renewal is due since 2026-05-12T12:00Z
    dns01 status b.example

Well again:
  c.example: valid for 89 d, until 2026-08-29; it failed since 2026-05-30T12:00Z

On web1, for /var/lib/acme: dns01 status`)
  expect(messageOf([well], situation, where).event).toBe('well')
})

test('a certificate that has ended is said to have', () => {
  const { subject, text } = messageOf([{ kind: 'few-days', target: target('b.example', -3) }], situation, where)
  expect(subject).toBe('dns01 on web1: b.example: its certificate has ended')
  expect(text).toContain('b.example: its certificate has ended 2026-05-29')
})

test('what a CA says can neither call people together nor make a link, in any chat', () => {
  const wicked = failed(
    'a.example',
    'a.example: <!channel> @all ```@channel``` [x](https://evil.example) \u001b[31m\nSubject: x',
  )
  const message = messageOf([wicked], situation, where)
  const bodyOf = (name: string) =>
    JSON.stringify(WEBHOOKS.find(one => one.name === name)?.request(message, { url: 'https://x.example/y' }).body)
  for (const text of ['\u001b', '\nSubject']) expect(message.text).not.toContain(text)
  expect(bodyOf('slack')).not.toContain('<')
  for (const name of ['slack', 'mattermost']) expect(bodyOf(name).split('```').length).toBe(3)
  expect(bodyOf('teams')).not.toContain('"TextBlock"')
  expect(bodyOf('telegram')).not.toContain('parse_mode')
})

test('every chat gets a text of a length that it takes', () => {
  const long = messageOf(
    Array.from({ length: 10 }, (_, i) => failed(`h${i}.example`, 'x'.repeat(1900))),
    situation,
    where,
  )
  for (const { request } of WEBHOOKS.filter(({ name }) => name !== 'webhook'))
    expect(JSON.stringify(request(long, { url: 'https://x.example/y', chat: '1' }).body).length).toBeLessThan(4096)
})

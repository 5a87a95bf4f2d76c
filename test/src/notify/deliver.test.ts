import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { deliver } from '../../../src/notify/deliver.js'
import type { Channel } from '../../../src/notify/settings.js'
import type { Outcome } from '../../../src/renew/outcome.js'
import type { Ledger, Told } from '../../../src/state/ledger.js'
import { fakeLog } from '../../fakes/log.js'
import { fakeWorld } from '../../fakes/world.js'

const now = new Date('2026-06-01T12:00:00Z')
const failed: Outcome = {
  subject: '/etc/hooks/x',
  names: [],
  result: 'failed',
  error: new Dns01Error('HOOK', 'exit 1'),
}

/** Channels by name, which say what becomes of a message; the notes of the ledger in the order in which they were made. */
function lab(channels: Readonly<Record<string, Channel['send']>>, { full = false } = {}) {
  const notices = new Map<string, Readonly<Record<string, Told>>>()
  const [sent, notes, said]: [string[], string[], string[]] = [[], [], []]
  const limit = new AbortController()
  const stop = new AbortController()
  const ledger: Pick<Ledger, 'notices' | 'noticesTold'> = {
    notices,
    noticesTold: async (channel, told) => {
      if (full) throw new Dns01Error('STATE', 'the disk is full')
      notices.set(channel, told)
      notes.push(`${channel}: ${Object.keys(told).join(', ') || 'nothing'}`)
    },
  }
  const world = fakeWorld({ log: fakeLog(said), clock: { now: () => now, deadline: () => limit.signal } })
  const all = Object.entries(channels).map(([name, send]) => ({
    ...{ name, to: 'there' },
    send: (message: Parameters<Channel['send']>[0], signal: AbortSignal) => {
      sent.push(name)
      return send(message, signal)
    },
  }))
  return {
    ...{ sent, notes, said, limit, stop },
    run: (outcomes: readonly Outcome[]) =>
      deliver(
        { world, signal: stop.signal, ledger, stateDirectory: '/s' },
        { channels: all, daysLeft: [] },
        { now, outcomes, targets: [], complete: true },
      ),
  }
}

const works: Channel['send'] = async () => 'ok'
const fails: Channel['send'] = async () => {
  throw new Dns01Error('UNAVAILABLE', 'nobody there')
}
/** Says nothing until it is stopped. */
const hangs: Channel['send'] = (_, signal) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

test('what was sent is noted after it was sent, and is not sent again', async () => {
  const { run, sent, notes } = lab({ mail: works })
  await run([failed])
  await run([failed])
  await run([])
  await run([])
  expect(sent).toEqual(['mail', 'mail'])
  const about = 'other /etc/hooks/x'
  expect(notes).toEqual([
    'mail: on its way',
    `mail: ${about}`,
    `mail: ${about}`,
    `mail: ${about}, on its way`,
    'mail: nothing',
    'mail: nothing',
  ])
})

test('a channel that fails is said and tried by the next run; the others are not told twice', async () => {
  const { run, sent, said } = lab({ mail: fails, slack: works })
  await run([failed])
  await run([failed])
  expect(sent).toEqual(['mail', 'slack', 'mail'])
  expect(said.filter(line => line.startsWith('warn'))).toEqual([
    'warn: no notice could be sent by mail to there: nobody there\n  the next run tries again',
    'warn: no notice could be sent by mail to there: nobody there\n  the next run tries again',
  ])
})

test('one that hangs holds the run up for 30 seconds and no longer, the others not at all', async () => {
  const { run, said, notes, limit } = lab({ mail: hangs, slack: works })
  const running = run([failed])
  await Promise.resolve().then(() => undefined)
  while (!notes.includes('slack: other /etc/hooks/x')) await Promise.resolve()
  limit.abort(new Error('the time is over'))
  await running
  expect(said).toContain(
    'warn: no notice could be sent by mail to there: no answer within 30 s\n  the next run tries again',
  )
  expect(notes).not.toContain('mail: other /etc/hooks/x')
})

test('who stops the run stops the sending', async () => {
  const { run, notes, stop } = lab({ mail: hangs })
  const running = run([failed])
  stop.abort(new Error('stopped'))
  await running
  expect(notes).toEqual(['mail: on its way'])
})

test('what cannot be noted is not sent: with a full disk each run would say the same', async () => {
  const { run, sent } = lab({ mail: works }, { full: true })
  await expect(run([failed])).rejects.toMatchObject({ code: 'STATE' })
  expect(sent).toEqual([])
})

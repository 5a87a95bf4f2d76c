// A second CA (request.fallback), in whole runs against two CAs, a DNS and a disk in memory.
import { describe, expect, test } from 'vitest'
import { problem } from '../../fakes/ca.js'
import { type Outside, outside, ROOT, type Run } from '../../fakes/outside.js'
import { invariants } from '../../fakes/state-invariants.js'
import { thorough } from '../../thorough.js'

const SECOND = 'https://second.test'
const CONSENT = `"acme-enter-email": ""\n"acme-agreement:https://ca.test/terms": true\n`
const AGREED = `${CONSENT}"acme-agreement:${SECOND}/terms": true\n`
const down = { status: 503 }

/** One name, and a second CA whose terms are agreed to. */
function machineWith(request = '', responses = AGREED): Outside {
  const machine = outside({ targets: [['a.one.test']], zones: ['one.test'], otherCaUrls: [SECOND], severity: 'NOTICE' })
  const fallback = `  fallback: [${SECOND}/directory]\n${request}`
  machine.files.put(
    `${ROOT}/conf/target`,
    `request:\n  provider: https://ca.test/directory\n  key: {type: ecdsa}\n${fallback}`,
  )
  machine.files.put(`${ROOT}/conf/responses`, responses)
  return machine
}

const second = ({ others }: Outside) => others[SECOND] as NonNullable<Outside['others'][string]>

/** `a.one.test issued`; of failures what was said. */
const told = ({ outcomes, error }: Run): string[] => {
  if (error) throw error
  return (outcomes ?? []).map(({ subject, result, error: why }) =>
    [subject, result, why && `${why}`].filter(Boolean).join(' '),
  )
}

/** Of the certificate that is live: SERVER of its account. */
const servedBy = ({ files }: Outside): string =>
  files
    .tree(`${ROOT}/certs`)
    .flatMap(line => line.match(/account -> .*accounts\/([^/]+)\//)?.[1] ?? [])
    .join()

const working = (machine: Outside): void => {
  const urls = { newNonce: '/new-nonce', newAccount: '/new-account', newOrder: '/new-order' }
  const body = Object.fromEntries(Object.entries(urls).map(([name, path]) => [name, `https://ca.test${path}`]))
  machine.ca.always('/directory', { body: { ...body, meta: { termsOfService: 'https://ca.test/terms' } } })
}

describe('a name without a certificate', () => {
  test.each([
    ['answers 503', '/directory', down],
    ['limits new orders', '/new-order', problem('rateLimited', 'too many new orders recently', 429)],
    ['limits these names', '/new-order', problem('rateLimited', 'too many certificates for these names', 429)],
    ['has an internal error', '/new-order', problem('serverInternal', 'oops', 500)],
  ])('gets it from the second CA in the same run when the first %s, and that is told', async (_what, path, answer) => {
    const machine = machineWith()
    machine.ca.always(path, answer)
    const run = await machine.run()
    expect(told(run)).toEqual(['a.one.test issued', 'a.one.test linked'])
    expect(run.said.join('\n')).toMatch(
      /a\.one\.test: asking https:\/\/second\.test\/directory in the place of https:\/\/ca\.test\/directory, which failed: /,
    )
    expect(second(machine).issued).toHaveLength(1)
    expect(servedBy(machine)).toBe('second.test%2fdirectory')
    expect(told(await machine.run()), 'it will do').toEqual([])
  })

  test.each([
    ['CAA', problem('caa', 'CAA forbids', 403)],
    ['its policy', problem('rejectedIdentifier', 'not this one', 400)],
    ['a refusal', problem('unauthorized', 'no', 403)],
  ])('does not get it elsewhere when the first CA refuses it by %s', async (_what, answer) => {
    const machine = machineWith()
    machine.ca.always('/new-order', answer)
    await machine.run()
    expect(second(machine).asked).toEqual([])
  })

  test('does not get it elsewhere when it is the DNS that fails', async () => {
    const machine = machineWith()
    let changes = 0
    await machine.run(step => (step === 'change asked' && changes++ === 0 ? 'lose' : undefined))
    expect(second(machine).asked).toEqual([])
  })

  test('in a later run, while the first is in back-off, gets it without asking that', async () => {
    const machine = machineWith('', CONSENT)
    machine.ca.always('/directory', down)
    await machine.run()
    machine.files.put(`${ROOT}/conf/responses`, AGREED)
    const before = machine.ca.asked.length
    expect(told(await machine.run(undefined, { afterSeconds: 1 }))).toEqual(['a.one.test issued', 'a.one.test linked'])
    expect(machine.ca.asked).toHaveLength(before)
  })
})

test('without consent the second CA is not used, and the run says what to do; nothing is registered there', async () => {
  const machine = machineWith('', CONSENT)
  machine.ca.always('/directory', down)
  const run = await machine.run()
  expect(told(run).join('\n')).toMatch(
    /second\.test\/directory is not asked in the place of https:\/\/ca\.test\/directory: the CA asks for your consent/,
  )
  expect(run.outcomes?.at(-1)?.error).toMatchObject({
    code: 'UNAVAILABLE',
    hint: expect.stringContaining('dns01 account register'),
  })
  expect(second(machine).asked).not.toContain('POST /new-account')
})

test('CAA is looked at first: a zone that allows only the first CA keeps the second from being asked', async () => {
  const machine = machineWith()
  const directory = { newNonce: '/new-nonce', newAccount: '/new-account', newOrder: '/new-order' }
  const urls = Object.fromEntries(Object.entries(directory).map(([name, path]) => [name, `${SECOND}${path}`]))
  second(machine).always('/directory', { body: { ...urls, meta: { caaIdentities: ['second.test'] } } })
  machine.dns.add('one.test', 'CAA', '0 issue ca.test')
  machine.ca.always('/directory', down)
  expect(told(await machine.run()).join('\n')).toMatch(
    /CAA of one\.test forbids it for a\.one\.test: its issue allows only ca\.test/,
  )
  expect(second(machine).orders).toEqual([])
  machine.dns.add('one.test', 'CAA', '0 issue second.test')
  await machine.run(undefined, { afterSeconds: 10 })
  expect(second(machine).issued).toHaveLength(1)
})

test('an order that the second CA is still at is waited for, not made again', async () => {
  const machine = machineWith()
  machine.ca.always('/directory', down)
  second(machine).manners = { neverSigns: true }
  await machine.run()
  expect(second(machine).orders).toHaveLength(1)
  await machine.run()
  expect(second(machine).orders).toHaveLength(1)
  second(machine).manners = {}
  expect(told(await machine.run()).join()).toContain('resumed')
  expect([second(machine).orders.length, second(machine).issued.length]).toEqual([1, 1])
  expect(servedBy(machine)).toBe('second.test%2fdirectory')
})

test('a run that is killed anywhere on its way to the second CA is made good by the next one', async () => {
  const whole = machineWith()
  whole.ca.always('/directory', down)
  const { steps } = await whole.run()
  for (let k = 0; k < steps.length; k += thorough ? 1 : 19) {
    const machine = machineWith()
    machine.ca.always('/directory', down)
    await machine.run((_step, count) => (count === k ? 'stop' : undefined))
    machine.files.restart()
    invariants(machine.files, ROOT)
    const { error } = await machine.run()
    invariants(machine.files, ROOT)
    const links = machine.files.tree(`${ROOT}/live`).map(line => line.split(' ')[1])
    const found = { error, links, by: servedBy(machine), txt: machine.txt(), issued: second(machine).issued.length }
    const wanted = { error: undefined, links: ['a.one.test'], by: 'second.test%2fdirectory', txt: [], issued: 1 }
    expect(found, `killed at step ${k} (${steps[k]})`).toEqual(wanted)
  }
}, 60_000)

test('when both fail, both are told', async () => {
  const machine = machineWith()
  machine.ca.always('/directory', down)
  second(machine).always('/directory', down)
  const said = told(await machine.run())
  expect(said.filter(line => line.includes('ca.test/directory'))).toHaveLength(1)
  expect(said.filter(line => line.includes('second.test/directory'))).toHaveLength(1)
})

describe('a certificate that is due', () => {
  const days = (count: number) => ({ afterSeconds: count * 86_400 })

  test('with time is left to the first CA, and goes to the second when it is about to end', async () => {
    const machine = machineWith()
    await machine.run()
    machine.ca.always('/directory', down)
    await machine.run(undefined, days(65))
    expect(second(machine).asked, 'twenty-five days are left').toEqual([])
    await machine.run(undefined, days(24.5))
    expect(second(machine).issued).toHaveLength(1)
  })

  test('goes there at once with fallback-after: 0, and the next renewal asks the first again', async () => {
    const machine = machineWith('  fallback-after: 0\n')
    await machine.run()
    machine.ca.always('/directory', down)
    await machine.run(undefined, days(65))
    expect(second(machine).issued).toHaveLength(1)
    working(machine)
    expect(told(await machine.run(undefined, days(1)))).toEqual([])
    await machine.run(undefined, days(64))
    expect([machine.ca.issued.length, second(machine).issued.length]).toEqual([2, 1])
  })

  test('goes there after the hours of fallback-after', async () => {
    const machine = machineWith('  fallback-after: 12\n')
    await machine.run()
    machine.ca.always('/directory', down)
    await machine.run(undefined, days(65))
    await machine.run(undefined, { afterSeconds: 8 * 3600 })
    expect(second(machine).asked).toEqual([])
    await machine.run(undefined, { afterSeconds: 8 * 3600 })
    expect(second(machine).issued).toHaveLength(1)
  })
})

// What a run does with what the CA says of when to renew: whole runs against a CA, a DNS and a disk in memory.
import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { problem, type Reply } from '../../fakes/ca.js'
import { type Outside, type OutsideOptions, outside, ROOT } from '../../fakes/outside.js'

const DAY = 86_400
const NAMES = ['a.one.test']

/** A machine whose CA says so of each certificate, `days` after it was made. */
function machineWith(renewalInfo: (certId: string) => Reply, more: Partial<OutsideOptions> = {}): Outside {
  const machine = outside({ targets: [NAMES], zones: ['one.test'], ...more })
  machine.ca.manners = { renewalInfo }
  return machine
}

const windowOf = (start: number, end: number, more: object = {}): Reply => ({
  body: { suggestedWindow: { start: new Date(start), end: new Date(end) }, ...more },
})

/** Until when the fake clock has come. */
const nowOf = ({ files }: Outside): number => files.options.now?.().getTime() ?? 0

const hour = 3_600_000
const early = (machine: () => Outside) => () => windowOf(nowOf(machine()) - 2 * hour, nowOf(machine()) - hour)
/** 70 days after it was asked about first. */
function late(machine: () => Outside): () => Reply {
  let from: number | undefined
  return () => {
    from ??= nowOf(machine()) + 70 * 24 * hour
    return windowOf(from, from + 48 * hour)
  }
}

const asked = ({ ca }: Outside, what: string): number => ca.asked.filter(line => line.includes(what)).length

test('a window in the past renews at once, and the order names the certificate that it replaces', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  expect(machine.ca.orders.map(({ replaces }) => replaces)).toEqual([undefined])
  expect(asked(machine, '/renewal-info'), 'what is just issued is not asked about').toBe(0)
  const { outcomes, said } = await machine.run()
  expect(outcomes?.map(({ result }) => result)).toEqual(['issued', 'linked'])
  expect(machine.ca.orders[1]?.replaces).toMatch(/^[\w-]{27}\.[\w-]+$/)
  expect(machine.ca.asked.find(line => line.includes('/renewal-info'))).toBe(
    `GET /renewal-info/${machine.ca.orders[1]?.replaces}`,
  )
  expect(said).toEqual([])
})

test('a CA that wants all replaced for ever, by mistake, is obeyed at once and then once a day', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  for (let run = 1; run <= 12; run++) await machine.run(undefined, { afterSeconds: DAY / 4 })
  expect(machine.ca.orders, 'the first, the one at once, and one for each full day').toHaveLength(1 + 1 + 2)
})

test('what was renewed in its time, by a window that is past, is asked about in the next run', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  await machine.run(undefined, { afterSeconds: 61 * DAY })
  await machine.run(undefined, { afterSeconds: DAY / 4 })
  expect(machine.ca.orders).toHaveLength(3)
})

test('a window that is far keeps what is due by our own dates from being renewed', async () => {
  const machine: Outside = machineWith(late(() => machine))
  await machine.run()
  await machine.run()
  await machine.run(undefined, { afterSeconds: 61 * DAY })
  expect(machine.ca.orders).toHaveLength(1)
  machine.ca.manners = { renewalInfo: () => problem('serverInternal', 'down', 500) }
  await machine.run(undefined, { afterSeconds: 3 * DAY })
  expect(machine.ca.orders, 'the old answer goes on to hold').toHaveLength(1)
  await machine.run(undefined, { afterSeconds: 10 * DAY })
  expect(machine.ca.orders, 'until its instant has come').toHaveLength(2)
})

test('a second run costs no request, neither for the certificate nor for the directory', async () => {
  const machine: Outside = machineWith(late(() => machine))
  await machine.run()
  const before = machine.ca.asked.length
  await machine.run()
  expect(machine.ca.asked.slice(before)).toEqual(['GET /directory', expect.stringMatching(/^GET \/renewal-info\//)])
  await machine.run(undefined, { afterSeconds: 1 })
  await machine.run(undefined, { afterSeconds: 5 * 3600 })
  expect(machine.ca.asked).toHaveLength(before + 2)
  await machine.run(undefined, { afterSeconds: 3600 })
  expect(machine.ca.asked.slice(before + 2)).toEqual([expect.stringMatching(/^GET \/renewal-info\//)])
})

test('a run that somebody waits for asks nothing', async () => {
  const machine: Outside = machineWith(late(() => machine))
  await machine.run()
  for (const how of [{ wanted: NAMES as never[] }, { onlyFiles: NAMES }]) await machine.run(undefined, how)
  expect(asked(machine, '/renewal-info')).toBe(0)
})

test.each<{ what: string; reply: Reply | Error }>([
  { what: '404', reply: problem('malformed', 'not found', 404) },
  { what: '503', reply: { status: 503, body: 'busy' } },
  { what: 'a page', reply: { body: '<html>' } },
  { what: 'a window that ends before it begins', reply: windowOf(2 * hour, hour) },
  { what: 'nothing, for it hangs', reply: new Dns01Error('UNAVAILABLE', 'the answer took more than 5 s') },
])('where the CA answers $what, our own dates hold and nobody hears of it', async ({ reply }) => {
  const machine: Outside = machineWith(() => {
    if (reply instanceof Error) throw reply
    return reply
  })
  await machine.run()
  const { outcomes, said } = await machine.run()
  expect({ outcomes, said }).toEqual({ outcomes: [], said: [] })
  const before = machine.ca.asked.length
  await machine.run()
  expect(machine.ca.asked.length, 'and it is asked again in six hours').toBe(before)
  await machine.run(undefined, { afterSeconds: 61 * DAY })
  expect(machine.ca.orders).toHaveLength(2)
})

test.each([
  { what: 'alreadyReplaced', reply: problem('alreadyReplaced', 'by another', 409) },
  { what: 'malformed', reply: problem('malformed', 'no such certificate', 404) },
  { what: 'unauthorized', reply: problem('unauthorized', 'of another account', 403) },
  { what: 'serverInternal', reply: problem('serverInternal', 'a serial number that begins with 00', 500) },
])('an order that is refused as $what is made once more without `replaces`, in the same second', async ({ reply }) => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  machine.ca.manners = { ...machine.ca.manners, refusesToReplace: reply }
  const { outcomes, said } = await machine.run()
  expect(outcomes?.map(({ result }) => result)).toEqual(['issued', 'linked'])
  expect(machine.ca.orders.map(({ replaces }) => replaces)).toEqual([undefined, undefined])
  expect(asked(machine, '/new-order'), 'the first, the refused one, the one without').toBe(3)
  expect(said).toEqual([])
})

test('an order that is refused for another reason is not made once more', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  machine.ca.manners = { ...machine.ca.manners, refusesToReplace: problem('rejectedIdentifier', 'no', 403) }
  await machine.run()
  expect(asked(machine, '/new-order')).toBe(2)
})

test('what the CA counts as replaced is not named again', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  machine.ca.manners = {
    ...machine.ca.manners,
    refusesToReplace: problem('alreadyReplaced', 'by another', 409),
    refusesToSign: true,
  }
  await machine.run()
  expect(asked(machine, '/new-order')).toBe(3)
  await machine.run()
  expect(asked(machine, '/new-order')).toBe(4)
})

test('a successor that ends earlier than the certificate that the CA wanted replaced is the one that is live, and no third is got', async () => {
  const machine: Outside = machineWith(early(() => machine))
  await machine.run()
  machine.ca.manners = { ...machine.ca.manners, livesHours: 45 * 24 }
  const { outcomes } = await machine.run()
  expect(outcomes?.map(({ result }) => result)).toEqual(['issued', 'linked'])
  machine.ca.manners = { renewalInfo: late(() => machine) }
  for (let i = 0; i < 3; i++) expect((await machine.run(undefined, { afterSeconds: DAY })).outcomes).toEqual([])
  expect(machine.ca.issued).toHaveLength(2)
})

test('what is remembered of a certificate that is gone is forgotten', async () => {
  const machine: Outside = machineWith(late(() => machine))
  await machine.run()
  await machine.run()
  const memory = () => JSON.parse(Buffer.from(machine.files.read(`${ROOT}/.dns01/renewal-info.json`)).toString())
  const [before] = Object.keys(memory().certificates)
  await machine.run(undefined, { force: NAMES as never[] })
  await machine.run(undefined, { afterSeconds: 91 * DAY })
  await machine.run()
  expect(Object.keys(memory().certificates)).not.toContain(before)
})

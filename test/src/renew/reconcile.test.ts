// What a run does in which order, and what it says of each thing: whole runs against a CA, a DNS and a disk in memory.
import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { problem } from '../../fakes/ca.js'
import { names } from '../../fakes/held.js'
import { type Outside, type OutsideOptions, outside, ROOT, type Run } from '../../fakes/outside.js'

const ZONES = ['one.test', 'two.test']

/** `a.one.test issued`, `desired failed STATE`. */
const told = ({ outcomes, error }: Run): string[] => {
  if (error) throw error
  return (outcomes ?? []).map(({ subject, result, error: why }) =>
    [subject, result, why instanceof Dns01Error && why.code].filter(Boolean).join(' '),
  )
}

const linksOf = ({ files }: Outside): string[] =>
  files.info(`${ROOT}/live`) ? files.tree(`${ROOT}/live`).map(line => `${line.split(' ')[1]}`) : []

const folders = ({ files }: Outside, kind: string): string[] =>
  files
    .tree(`${ROOT}/${kind}`)
    .filter(line => line.startsWith('folder'))
    .map(line => line.split(' ').at(-1) as string)

const machineWith = (targets: string[][], more: Partial<OutsideOptions> = {}): Outside =>
  outside({ targets, zones: ZONES, ...more })

/** What the last request was about, in words; undefined for those that say nothing about what is done. */
const phaseOf = (request: string | undefined): string | undefined =>
  Object.entries({ 'revoke-cert': 'revoke', 'order/2': 'resume', 'new-order': 'order' }).find(([path]) =>
    request?.endsWith(`/${path}`),
  )?.[1]

test('first records of an earlier run go, then it revokes, resumes, issues, and tells the hooks', async () => {
  const events: string[] = []
  const seen = (what: string | undefined): void => {
    if (what !== undefined && events.at(-1) !== what) events.push(what)
  }
  const machine = machineWith([['a.one.test']], {
    hook: all => {
      seen(`hook: ${all.join(' ')}`)
      return 0
    },
  })
  machine.ca.always('/revoke-cert', { status: 200 })
  await machine.run()
  const [issued] = folders(machine, 'certs')
  machine.files.put(`${ROOT}/desired/b.one.test`, '')
  machine.ca.manners = { neverSigns: true }
  let changes = 0
  const losingAllButTheFirst = (step: string) => (step === 'change asked' && changes++ > 0 ? 'lose' : undefined)
  await machine.run(losingAllButTheFirst, { onlyFiles: ['b.one.test'] })
  machine.files.put(`${ROOT}/desired/c.two.test`, '')
  machine.files.put(`${ROOT}/certs/${issued}/revoke`, '')
  machine.ca.manners = {}
  events.length = 0
  const run = await machine.run(step => {
    if (step === 'change asked' && machine.ca.orders.length === 2) seen('records of an earlier run')
    if (step === 'answer') seen(phaseOf(machine.ca.asked.at(-1)))
    return undefined
  })
  const phases = events.filter(event => !event.startsWith('hook'))
  expect(phases).toEqual(['records of an earlier run', 'revoke', 'resume', 'order'])
  expect(events.slice(0, 4), 'no hook is told before').toEqual(phases)
  const hooked = events.slice(4).flatMap(event => event.split(' ').slice(1))
  expect(hooked.sort(), 'each once').toEqual(['a.one.test', 'b.one.test', 'c.two.test'])
  expect(told(run)).toEqual([
    ...[expect.stringMatching(/ revoked$/), expect.stringMatching(/ resumed$/)],
    ...['a.one.test issued', 'c.two.test issued'],
    ...linksOf(machine).map(() => expect.stringMatching(/ linked$/)),
  ])
  expect(machine.txt()).toEqual([])
})

test('where nothing is due no CA and no name server is asked, and links that are wrong are made and told', async () => {
  const hooked: string[] = []
  const machine = machineWith([['a.one.test']], {
    hook: all => {
      hooked.push(all.join(' '))
      return 0
    },
  })
  await machine.run()
  expect(await machine.run()).toMatchObject({ outcomes: [], said: [] })
  await machine.files.remove(`${ROOT}/live/a.one.test`)
  const { steps, ...run } = await machine.run()
  expect(told({ steps, ...run })).toEqual(['a.one.test linked'])
  expect(hooked).toEqual(['a.one.test', 'a.one.test'])
  expect(steps.filter(step => step !== 'disk')).toEqual([])
})

const orderOne = {
  identifiers: [{ type: 'dns', value: 'a.one.test' }],
  authorizations: ['https://ca.test/authz/1-0'],
  finalize: 'https://ca.test/finalize/1',
}

type Prepare = (machine: Outside) => void | Promise<void>

test.each<[string, { prepare: Prepare; outcomes: string[] }]>([
  [
    'a target file that cannot be read',
    {
      prepare: ({ files }) => files.put(`${ROOT}/desired/b.one.test`, 'satisfy: ['),
      outcomes: ['desired failed CONFIG', 'a.one.test issued', 'a.one.test linked'],
    },
  ],
  [
    'a target that the CA refuses',
    {
      prepare: machine => {
        machine.files.put(`${ROOT}/desired/b.one.test`, '')
        machine.ca.manners = { blindFor: ['b.one.test'] }
      },
      outcomes: ['a.one.test issued', 'b.one.test failed REFUSED', 'a.one.test linked'],
    },
  ],
  [
    'a certificate that the CA will not revoke',
    {
      prepare: async machine => {
        await machine.run()
        const [held] = folders(machine, 'certs')
        machine.files.put(`${ROOT}/certs/${held}/revoke`, '')
        machine.ca.always('/revoke-cert', problem('serverInternal', 'not today'))
        machine.files.put(`${ROOT}/desired/b.one.test`, '')
      },
      outcomes: [
        'CERTIFICATE failed UNAVAILABLE',
        ...['a.one.test issued', 'b.one.test issued', 'a.one.test linked', 'b.one.test linked'],
      ],
    },
  ],
  [
    'an order that the CA is still at',
    {
      prepare: async machine => {
        machine.ca.manners = { neverSigns: true }
        await machine.run()
        machine.files.put(`${ROOT}/desired/b.one.test`, '')
        machine.ca.manners = {}
        machine.ca.always('/order/1', { body: { ...orderOne, status: 'processing' } })
      },
      outcomes: ['a.one.test waits UNAVAILABLE', 'b.one.test issued', 'b.one.test linked'],
    },
  ],
])('%s does not hold up another target', async (_, { prepare, outcomes }) => {
  const machine = machineWith([['a.one.test']])
  await prepare(machine)
  const outcomesNow = told(await machine.run())
  expect(outcomesNow.map(line => line.replace(/^[a-z2-7]{52}/, 'CERTIFICATE'))).toEqual(outcomes)
})

test('a target whose names are all in the order of another waits for it: it needs none, or makes its own when that failed', async () => {
  const machine = machineWith([['a.one.test', 'b.one.test']])
  machine.files.put(`${ROOT}/desired/small`, 'satisfy: {names: [b.one.test]}\n')
  expect(told(await machine.run()).filter(line => line.endsWith('issued'))).toHaveLength(1)
  expect(machine.ca.orders.map(order => order.names)).toEqual([['a.one.test', 'b.one.test']])
  machine.files.put(`${ROOT}/desired/other`, 'satisfy: {names: [b.two.test, c.two.test]}\n')
  machine.files.put(`${ROOT}/desired/part`, 'satisfy: {names: [c.two.test]}\n')
  machine.ca.manners = { blindFor: ['b.two.test'] }
  expect(told(await machine.run()).sort()).toEqual(['other failed REFUSED', 'part issued'])
})

test('--force and files that were named limit what is issued, not what is linked', async () => {
  const machine = machineWith([['a.one.test'], ['b.one.test']])
  await machine.run()
  await machine.files.remove(`${ROOT}/live/b.one.test`)
  const forced = await machine.run(undefined, { force: names('a.one.test'), onlyFiles: ['a.one.test'] })
  expect(told(forced)).toEqual(['a.one.test issued', 'a.one.test linked', 'b.one.test linked'])
  expect(linksOf(machine)).toEqual(['a.one.test', 'b.one.test'])
})

test('a link that cannot be made is reported, and what was issued stays', async () => {
  const machine = machineWith([['a.one.test']])
  machine.files.put(`${ROOT}/live/a.one.test/stranger`, 'in the way')
  expect(told(await machine.run())).toEqual(['a.one.test issued', 'live failed STATE'])
  expect(machine.ca.issued).toHaveLength(1)
})

test('a hook that fails is reported by its name', async () => {
  const machine = machineWith([['a.one.test']], { hook: () => 1 })
  expect(told(await machine.run())).toEqual(['a.one.test issued', 'a.one.test linked', '/hooks/reload failed HOOK'])
})

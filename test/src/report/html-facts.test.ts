import { expect, test } from 'vitest'
import { looking } from '../../../src/renew/run.js'
import { reportFacts } from '../../../src/report/html-facts.js'
import { machine } from '../../fakes/machine.js'

const ROOT = '/var/lib/acme'
const CA = 'https://acme-v02.api.letsencrypt.org/directory'
const key = 'acme-v02.api.letsencrypt.org%2fdirectory'
const counts = { issued: 1, revoked: 0, linked: 1, failed: 0, waiting: 0, dnsChanges: 2 }
const run = (started: string) => ({
  ...{ started, ended: started, seconds: 1, times: 1, command: 'dns01 want x hunter22', exit: 0, issued: [], counts },
  ...{ failures: [], orders: { [key]: 2 } },
})

test('a report knows targets, CAs with their budgets, orders of the week and past runs, and no secret', async () => {
  const failure = {
    code: 'REFUSED',
    message: 'no, hunter22',
    since: '2025-12-31T00:00:00Z',
    last: '2025-12-31T00:00:00Z',
  }
  const ledger = {
    failures: { [`${key} a.test`]: { ...failure, times: 2 } },
    validations: { [`${key} a.test`]: ['2025-12-31T23:30:00.000Z'] },
    orders: { [key]: ['2025-12-31T23:30:00.000Z'] },
  }
  const runs = [run('2025-12-20T00:00:00.000Z'), run('2025-12-31T00:00:00.000Z')]
  const { context } = machine({
    files: {
      [`${ROOT}/conf/target`]: `request: {provider: "${CA}"}\n`,
      [`${ROOT}/desired/a.test`]: '',
      [`${ROOT}/.dns01/ledger.json`]: JSON.stringify(ledger),
      [`${ROOT}/.dns01/history.json`]: JSON.stringify({ runs }),
      [`${ROOT}/.dns01/last-run`]: JSON.stringify({ since: '2025-12-31T22:00:00.000Z' }),
    },
  })
  const masked = (text: string): string => text.replaceAll('hunter22', '***')
  const world = { ...context.world, log: { ...context.world.log, masked } }
  const facts = await reportFacts({ world }, await looking(context))
  expect(facts).toMatchObject({
    host: 'here',
    document: { targets: [{ names: ['a.test'], failure: { message: 'no, ***', times: 2 } }] },
    runs: [{ command: 'dns01 want x ***' }, {}],
    lastQuiet: new Date('2025-12-31T22:00:00Z'),
  })
  expect(facts.cas).toEqual([
    {
      ...{ ca: CA, targets: 1, accounts: 0, ordersOfTheWeek: 2, failure: undefined },
      orders: { made: 1, most: 300, nextAt: expect.any(Date) },
      failedValidations: { name: 'a.test', times: 1, most: 5 },
    },
  ])
})

// `dns01 persist`: what it prints for whom, and when it prints nothing.
import { expect, test } from 'vitest'
import { parsePersistRecord } from '../../../src/acme/persist-record.js'
import { persist } from '../../../src/commands/persist.js'
import { serverPart } from '../../../src/state/layout.js'
import { generateKey } from '../../../src/x509/keys.js'
import { problem } from '../../fakes/ca.js'
import { machine } from '../../fakes/machine.js'

const ca = 'https://ca.test/directory'
const { id, pem, thumbprint } = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
const conf = `request:\n  provider: ${ca}\n  challenge:\n    dns: {method: dns-persist-01}\n`
const files = {
  '/var/lib/acme/conf/target': conf,
  [`/var/lib/acme/accounts/${serverPart(ca)}/${id}/privkey`]: pem,
}
const meta = { caaIdentities: ['ca.test'] }

interface Ca {
  readonly meta?: object
  readonly status?: string
  readonly files?: Record<string, string>
}

async function run(args: Record<string, unknown>, options: Ca = {}) {
  const fake = machine({ files: options.files ?? files })
  fake.ca.always('/directory', {
    body: {
      ...{
        newNonce: 'https://ca.test/new-nonce',
        newAccount: 'https://ca.test/new-account',
        newOrder: 'https://ca.test/o',
      },
      meta: options.meta ?? meta,
    },
  })
  fake.ca.always('/account/1', { body: { status: options.status ?? 'valid' } })
  await persist.run(args, fake.context)
  return { lines: fake.shown, asked: fake.ca.asked }
}

const account = 'https://ca.test/account/1'

test('a record for this account at this CA, after a look at the account by POST-as-GET; no order is made', async () => {
  const { lines, asked } = await run({ names: ['www.a.test'] })
  expect(lines).toEqual([`_validation-persist.www.a.test. IN TXT "ca.test; accounturi=${account}"`])
  expect(asked).toEqual(['GET /directory', 'GET /new-nonce', 'POST /new-account', 'POST /account/1'])
})

test.each<[string, Record<string, unknown>, string[]]>([
  ['a wildcard says so', { names: ['*.a.test'] }, ['; policy=wildcard']],
  ['a name and its wildcard share a record', { names: ['a.test,*.a.test'] }, ['; policy=wildcard']],
  ['--wildcard for a plain name', { names: ['a.test'], wildcard: true }, ['; policy=wildcard']],
  ['--until a day, which counts to its end', { names: ['a.test'], until: '2036-12-31' }, ['; persistUntil=2114380799']],
  ['--until a moment', { names: ['a.test'], until: '2036-12-31T00:00:00Z' }, ['; persistUntil=2114294400']],
  ['several names', { names: ['a.test', 'b.test'] }, ['', '']],
])('%s', async (_, args, tails) => {
  const { lines } = await run(args)
  expect(lines.map(line => line.split(account)[1])).toEqual(tails.map(tail => `${tail}"`))
})

test('a CA of draft 02 gets a hash of the account, which is another for each name', async () => {
  const later = { issuerDomainNames: ['new.test'], accountHashPrefix: 'https://ca.test/h/' }
  const { lines } = await run({ names: ['a.test', 'b.test'] }, { meta: later })
  const uris = lines.map(line => parsePersistRecord(line.split('"')[1] ?? ''))
  expect(uris.map(({ issuer }) => issuer)).toEqual(['new.test', 'new.test'])
  for (const { accountUri } of uris) expect(accountUri).toMatch(/^https:\/\/ca\.test\/h\/sha-256\/[\w-]{43}$/)
  expect(new Set(uris.map(({ accountUri }) => accountUri)).size).toBe(2)
  expect(lines.join()).not.toContain(thumbprint)
  expect((await run({ names: ['a.test'], draft: '01' }, { meta: later })).lines[0]).toContain(account)
})

test('who knows the name of the CA better says it', async () => {
  const { lines } = await run({ names: ['a.test'], issuer: 'inner.test' }, { meta: {} })
  expect(lines[0]).toContain('"inner.test; accounturi=')
})

test.each<[string, Record<string, unknown>, Ca, object]>([
  [
    'no account',
    {},
    { files: { '/var/lib/acme/conf/target': conf } },
    { code: 'CONFIG', hint: expect.stringContaining('dns01 account register') },
  ],
  [
    'a closed account',
    {},
    { status: 'deactivated' },
    { code: 'REFUSED', message: `the account ${account} is deactivated: no record will make it prove anything` },
  ],
  ['no name of the CA', {}, { meta: {} }, { code: 'REFUSED', message: expect.stringContaining('by which name') }],
  [
    'refuses what is not a name',
    { issuer: 'ca_x' },
    {},
    { code: 'USAGE', message: expect.stringContaining('"ca_x" is not the name of a CA') },
  ],
  ['draft 02 without a prefix', { draft: '02' }, {}, { code: 'REFUSED' }],
  [
    'a draft that is none',
    { draft: '03' },
    {},
    { code: 'USAGE', message: '--draft: "03" is not a draft that we know' },
  ],
  ['a day that is none', { until: 'tomorrow' }, {}, { code: 'USAGE', hint: 'write it as 2027-12-31' }],
  ['a day that is none, though it looks so', { until: '2027-02-31x' }, {}, { code: 'USAGE' }],
  [
    'a day that its month does not have',
    { until: '2027-02-30' },
    {},
    { code: 'USAGE', hint: 'write it as 2027-12-31' },
  ],
  ['a day that is over', { until: '2001-01-01' }, {}, { code: 'USAGE', message: '--until: 2001-01-01 is over' }],
  [
    'a name that leaves no room',
    { names: [`${'a.'.repeat(118)}test`] },
    {},
    { code: 'USAGE', message: expect.stringContaining('longer than 253') },
  ],
])('nothing is printed: %s', async (_, args, options, error) => {
  await expect(run({ names: ['a.test'], ...args }, options)).rejects.toMatchObject(error)
})

test('a CA that has forgotten the account is not told of a new one', async () => {
  const fake = machine({ files })
  fake.ca.next('/new-account', problem('accountDoesNotExist', 'who?', 400))
  await expect(persist.run({ names: ['a.test'] }, fake.context)).rejects.toMatchObject({ code: 'CONFIG' })
  expect(fake.ca.asked.filter(line => line.endsWith('/new-account'))).toHaveLength(1)
})

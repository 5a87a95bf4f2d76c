import { describe, expect, test } from 'vitest'
import { accountLabel } from '../../../src/acme/challenge.js'
import { COMMANDS } from '../../../src/commands/index.js'
import { providers } from '../../../src/commands/providers.js'
import type { Dns01Error } from '../../../src/core/errors.js'
import type { DnsAnswer, Question, ResourceRecord } from '../../../src/core/world.js'
import { shippedNames } from '../../../src/provider/catalog.js'
import { serverPart } from '../../../src/state/layout.js'
import { generateKey } from '../../../src/x509/keys.js'
import { machine } from '../../fakes/machine.js'

const dnsYml = `
provider: rfc2136
zones:
  corp.example: {provider: route53, zone-id: Z111}
  lab.corp.example: {provider: route53, zone-id: Z222}
  acme.example: {provider: builtin, zone: acme.example, addresses: '192.0.2.7, 2001:db8::7'}
`
const target = (...names: string[]): string => `satisfy:\n  names:\n${names.map(name => `    - '${name}'\n`).join('')}`
const files = {
  '/var/lib/acme/conf/dns.yml': dnsYml,
  '/var/lib/acme/desired/one': target('www.corp.example', '*.www.corp.example', 'db.lab.corp.example', 'else.example'),
  '/var/lib/acme/desired/two': `${target('x.acme.example')}request:\n  challenge:\n    dns: {provider: route53}\n`,
}

async function run(args: Record<string, unknown>, options: Parameters<typeof machine>[0] = { files }, dns?: object) {
  const fake = machine(options)
  const world = { ...fake.context.world, dns: dns ?? { systemResolvers: () => [] } } as never
  const errors = await providers.run(args, { ...fake.context, world })
  return { errors, text: fake.shown.join('\n'), said: fake.said }
}

/** An account of https://ca.test/directory, as a file. */
async function withAccount(): Promise<Record<string, string>> {
  const { id, pem } = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
  return { [`/var/lib/acme/accounts/${serverPart('https://ca.test/directory')}/${id}/privkey`]: pem }
}

test('the list has every provider, and says which is chosen for what', async () => {
  const { text, errors } = await run({})
  for (const name of shippedNames()) expect(text).toMatch(new RegExp(`^[* ] ${name} `, 'm'))
  expect(text).toMatch(/^\* rfc2136 .*\n +chosen: the default$/m)
  expect(text).toMatch(/^\* route53 .*\n +chosen: corp\.example, lab\.corp\.example$/m)
  expect(text).toMatch(/^ {2}cloudflare /m)
  expect(errors).toEqual([])
})

test('without conf/dns.yml the environment chooses, as for reconcile', async () => {
  const { text } = await run({}, { env: { DNS01_PROVIDER: 'exec' } })
  expect(text).toMatch(/^\* exec .*\n +chosen: the default$/m)
})

test("another's provider that cannot be used is listed with the reason, and keeps the others from nothing", async () => {
  const providersFolder = {
    '/etc/dns01/providers/broken.mjs': 'export default 7',
    '/etc/dns01/providers/memory.mjs': '',
  }
  const { text, errors } = await run({}, { files: { ...files, ...providersFolder } })
  expect(text).toMatch(/^ {2}broken +cannot be used: .*cannot be loaded from \/etc\/dns01\/providers\/broken\.mjs/m)
  expect(text).toMatch(/^ {2}memory +cannot be used: there are two providers "memory"/m)
  expect(text).toMatch(/^\* rfc2136 /m)
  expect(errors).toEqual([])
})

test('one with its settings: key, variables, what is required, secret or has a default', async () => {
  const cloudflare = (await run({ name: 'cloudflare' })).text
  expect(cloudflare).toMatch(/CLOUDFLARE_DNS_API_TOKEN.*\(required; secret: never in conf\/dns\.yml/)
  const builtin = (await run({ name: 'builtin' })).text
  expect(builtin).toMatch(/listen: DNS01_BUILTIN_LISTEN \(default 0\.0\.0\.0:53,\[::\]:53\)/)
  expect(builtin).toContain('only while dns01 runs')
  await expect(run({ name: 'rout53' })).rejects.toMatchObject({ hint: 'did you mean "route53"?' })
})

describe('--iam-policy', () => {
  const sets = (text: string): string[] => [...text.matchAll(/"(_acme-challenge[^"]*)"/g)].map(([, name]) => `${name}`)

  test('for these names: one policy', async () => {
    const { text } = await run({ name: 'route53', names: ['a.corp.example', '*.a.corp.example'], 'iam-policy': true })
    expect(sets(text)).toEqual(['_acme-challenge.a.corp.example'])
    expect(JSON.parse(text).Statement.at(-1).Resource).toEqual(['arn:aws:route53:::hostedzone/Z111'])
  })

  test('without names: for what is wanted of it; one policy for each zone that is set', async () => {
    const { text, said } = await run({ 'iam-policy': true })
    expect(sets(text)).toEqual([
      '_acme-challenge.www.corp.example',
      '_acme-challenge.x.acme.example',
      '_acme-challenge.db.lab.corp.example',
    ])
    expect(said.join()).toContain('2 policies')
  })

  const byAccount = `request:\n  provider: https://ca.test/directory\n  challenge:\n    dns: {method: dns-account-01}\n`
  const label = accountLabel('https://ca.test/account/1')
  const labelled = (text: string): string[] =>
    [...text.matchAll(/"(_[^"]*_acme-challenge[^"]*)"/g)].map(([, name]) => `${name}`)

  test('with dns-account-01: the account’s own name of each, for wanted names, for given ones, and for any', async () => {
    const conf = { ...(await withAccount()), '/var/lib/acme/conf/target': byAccount }
    const wanted = {
      ...files,
      ...conf,
      '/var/lib/acme/desired/three': `${target('p.corp.example')}request: {challenge: {dns: {method: dns-persist-01}}}\n`,
    }
    expect(labelled((await run({ 'iam-policy': true }, { files: wanted })).text)).toEqual([
      `${label}._acme-challenge.www.corp.example`,
      `${label}._acme-challenge.x.acme.example`,
      `${label}._acme-challenge.db.lab.corp.example`,
    ])
    const given = await run({ name: 'route53', names: ['*.new.corp.example'], 'iam-policy': true }, { files: wanted })
    expect(labelled(given.text)).toEqual([`${label}._acme-challenge.new.corp.example`])
    expect(labelled((await run({ 'iam-policy': true }, { files: conf })).text)).toEqual([`${label}._acme-challenge.*`])
  })

  test('with dns-account-01 and no account yet there is no name to print', async () => {
    const conf = { ...files, '/var/lib/acme/conf/target': byAccount }
    await expect(run({ 'iam-policy': true }, { files: conf })).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'there is no account for https://ca.test/directory',
      hint: expect.stringContaining('dns01 account register'),
    })
  })

  test('nothing wanted: for any name', async () => {
    expect(sets((await run({ 'iam-policy': true }, {})).text)).toEqual(['_acme-challenge.*'])
  })

  test('a provider that has none says so', async () => {
    await expect(run({ name: 'rfc2136', 'iam-policy': true })).rejects.toMatchObject({
      code: 'USAGE',
      hint: expect.stringContaining('dns01 providers rfc2136'),
    })
  })
})

describe('with names: which records must be in the DNS', () => {
  const row = (name: string, type: ResourceRecord['type'], data: string) =>
    ({ name, type, data, ttlSeconds: 1 }) as never
  const nothing: DnsAnswer = { rcode: 'NOERROR', authoritative: false, answers: [], authorities: [] }
  /** `example` is served by 192.0.2.1. The resolver fails for whatever lies in acme.example: nobody serves that now. */
  const dnsWith = (delegation: Partial<DnsAnswer>, cname?: string) => ({
    systemResolvers: () => ['203.0.113.53'],
    query: async ({ name, type }: Question, { server }: { server: string }): Promise<DnsAnswer> => {
      if (server === '192.0.2.1') return { ...nothing, ...delegation }
      if (name.endsWith('acme.example')) return { ...nothing, rcode: 'SERVFAIL' }
      if (type === 'SOA') return { ...nothing, answers: [row('example', 'SOA', 'ns.example')] }
      if (type === 'NS') return { ...nothing, answers: [row('example', 'NS', 'ns.example')] }
      if (name === 'ns.example' && type === 'A') return { ...nothing, answers: [row(name, 'A', '192.0.2.1')] }
      return type === 'CNAME' && cname ? { ...nothing, answers: [row(name, 'CNAME', cname)] } : nothing
    },
  })
  const good: Partial<DnsAnswer> = {
    authorities: [row('acme.example', 'NS', 'ns.acme.example')],
    additionals: [row('ns.acme.example', 'A', '192.0.2.7'), row('ns.acme.example', 'AAAA', '2001:db8::7')],
  }
  const guide = (dns: object, names = ['www.example']) => run({ name: 'builtin', names }, { files }, dns)

  test('with dns-account-01 the CNAME is at the account’s own name, and so is its target', async () => {
    const conf = 'request:\n  provider: https://ca.test/directory\n  challenge:\n    dns: {method: dns-account-01}\n'
    const all = { ...files, ...(await withAccount()), '/var/lib/acme/conf/target': conf }
    const label = accountLabel('https://ca.test/account/1')
    const { text } = await run({ name: 'builtin', names: ['www.example'] }, { files: all }, dnsWith(good))
    expect(text).toContain(`${label}._acme-challenge.www.example.  CNAME  ${label}.www.example.acme.example.`)
  })

  test('says when every record is there', async () => {
    const { text, errors } = await guide(dnsWith(good, 'www.acme.example'))
    expect(text).toMatch(/^_acme-challenge\.www\.example\. {2}CNAME {2}www\.acme\.example\.$/m)
    expect(text).toMatch(/^ok .*AAAA 2001:db8::7\nok .*\nAll are there\.$/m)
    expect(errors).toEqual([])
  })

  const table: [what: string, delegation: Partial<DnsAnswer>, cname: string | undefined, missing: string[]][] = [
    ['no CNAME', good, undefined, ['_acme-challenge.www.example CNAME www.example.acme.example.: there is none']],
    ['a CNAME that leads elsewhere', good, 'x.test', ['CNAME www.example.acme.example.: it leads to x.test']],
    [
      'glue of one family',
      { ...good, additionals: good.additionals?.slice(0, 1) ?? [] },
      'www.acme.example',
      ['AAAA 2001:db8::7: it is not there; found: 192.0.2.7'],
    ],
    ['no delegation', {}, 'www.acme.example', ['NS ns.acme.example.: the zone example does not delegate it so']],
    [
      'parent that does not answer for itself',
      { rcode: 'REFUSED' },
      'www.acme.example',
      ['the servers of example cannot be asked (192.0.2.1 answers REFUSED)'],
    ],
  ]
  for (const [what, delegation, cname, missing] of table)
    test(what, async () => {
      const { text, errors } = await guide(dnsWith(delegation, cname))
      for (const line of missing) expect(text).toContain(line)
      expect(errors).not.toEqual([])
      for (const error of errors as unknown[])
        expect(error).toMatchObject({ code: 'CONFIG' } satisfies Partial<Dns01Error>)
    })

  test('a name in the zone itself needs no CNAME', async () => {
    const { text } = await guide(dnsWith(good), ['host.acme.example'])
    expect(text).not.toContain('CNAME')
    expect(text).toContain('All are there.')
  })

  test('a provider that needs none says so', async () => {
    await expect(run({ name: 'rfc2136', names: ['www.example'] })).rejects.toMatchObject({ code: 'USAGE' })
  })
})

test('the commands are there', () => {
  const words = COMMANDS.map(({ command }) => command.split(' ')[0])
  expect(words).toEqual(expect.arrayContaining(['providers', 'serve-dns']))
})

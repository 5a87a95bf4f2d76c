import { expect, test } from 'vitest'
import { readDnsConfig } from '../../../src/provider/dns-context.js'
import { stateWorld } from '../../fakes/state-world.js'

const worldWith = (env: Readonly<Record<string, string>> = {}) => {
  const { world, files } = stateWorld()
  return { world: { ...world, env }, files }
}
const check = (text: string, checkProviders = true) =>
  readDnsConfig(worldWith().world, { text, path: 'conf/dns.yml' }, { checkProviders })

test.each([
  ['', 'nothing'],
  ['provider: memory', 'a provider'],
  ['zones:\n  a.test:\n    provider: rfc2136\n    nameserver: 192.0.2.1\n    tsig-file: /k', 'settings it knows'],
  ['zones:\n  a.test: {nameserver: 192.0.2.1}', 'no provider, which the environment may name'],
])('%j names %s', async text => {
  await expect(check(text)).resolves.toMatchObject({ resolvers: [] })
})

test('a mistake in a provider’s settings is left to others when only one record is to be placed', async () => {
  await expect(check('provider: route35', false)).resolves.toMatchObject({ fallback: { provider: 'route35' } })
})

test('without a file the environment still counts', async () => {
  const { world } = worldWith({ DNS01_RESOLVERS: '192.0.2.53', DNS01_PROPAGATION: 'off' })
  const config = await readDnsConfig(world, { text: '', path: 'conf/dns.yml' }, { checkProviders: true })
  expect(config).toMatchObject({ resolvers: ['192.0.2.53'], propagation: { wait: false } })
})

test.each([
  ['a file that starts a program and that others may change is refused', 'settings: {command: /bin/x}', false],
  ['a file that others may change is taken where it starts no program', 'settings: {nameserver: 192.0.2.1}', true],
])('%s', async (_, text, taken) => {
  const { world, files } = worldWith()
  files.put('/s/conf/dns.yml', text, 0o666)
  const read = readDnsConfig(world, { text, path: '/s/conf/dns.yml' }, { checkProviders: false })
  if (taken) await expect(read).resolves.toBeDefined()
  else await expect(read).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringContaining('may be changed') })
})

test.each([
  ['provider: route35', 'conf/dns.yml:1: there is no provider "route35"', 'did you mean "route53"?'],
  [
    'provider: route53\nsettings:\n  profil: x',
    'conf/dns.yml:3: provider route53 has no setting "profil"',
    'did you mean "profile"?',
  ],
  [
    'zones:\n  a.test:\n    provider: route53\n    zone-ids: Z1',
    'conf/dns.yml:4: provider route53 has no setting "zone-ids"',
    'did you mean "zone-id"?',
  ],
  [
    'zones:\n  a.test:\n    provider: memori',
    'conf/dns.yml:3: there is no provider "memori"',
    'did you mean "memory"?',
  ],
  [
    'provider: rfc2136\nzones:\n  a.test:\n    tsig-secret: c2VjcmV0',
    'conf/dns.yml:4: rfc2136: the secret "tsig-secret" is in a file that everybody can read',
    'write "tsig-secret-file: PATH" there, or set RFC2136_TSIG_SECRET in the environment, and change the secret',
  ],
])('%j is told with file, line and what to do', async (text, message, hint) => {
  await expect(check(text)).rejects.toMatchObject({ code: 'CONFIG', message, hint })
})

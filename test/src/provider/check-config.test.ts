import { expect, test } from 'vitest'
import { parseDnsConfig, placesIn } from '../../../src/config/dns-config.js'
import { checkProviders } from '../../../src/provider/check-config.js'

const check = (text: string) => checkProviders(parseDnsConfig(text, 'conf/dns.yml', {}), placesIn(text, 'conf/dns.yml'))

test.each([
  ['', 'nothing'],
  ['provider: memory', 'a provider'],
  ['zones:\n  a.test:\n    provider: rfc2136\n    nameserver: 192.0.2.1\n    tsig-file: /k', 'settings it knows'],
  ['zones:\n  a.test: {nameserver: 192.0.2.1}', 'no provider, which the environment may name'],
])('%j names %s', async text => {
  await expect(check(text)).resolves.toBeUndefined()
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
    'conf/dns.yml:4: rfc2136: the secret "tsig-secret" stands in a file that everybody can read',
    'write "tsig-secret-file: PATH" there, or set RFC2136_TSIG_SECRET in the environment, and change the secret',
  ],
])('%j is told with file, line and what to do', async (text, message, hint) => {
  await expect(check(text)).rejects.toMatchObject({ code: 'CONFIG', message, hint })
})

import { describe, expect, test } from 'vitest'
import { parseDnsConfig } from '../../../src/config/dns-yml.js'
import type { Target } from '../../../src/core/target.js'
import { withoutStrangePrograms } from '../../../src/publish/journal-trust.js'
import type { Journal, JournalEntry } from '../../../src/state/journal.js'
import { stateWorld } from '../../fakes/state-world.js'

const entry = (provider: string, settings: Record<string, string>, env = {}): JournalEntry =>
  ({ id: 'e1', provider, settings, zone: 'a.test', records: [{ challenge: { env } }] }) as unknown as JournalEntry

const inDnsYml =
  'provider: exec\nsettings: {command: /bin/ours}\nzones:\n  b.test: {provider: acme-dns-01, module: x}\n'
const target = (dns: Target['dns']): Target => ({ dns, env: { ZONE: 'a' } }) as unknown as Target

describe('a journal entry that would start a program is believed when somebody asks for that program today', () => {
  test.each<[why: string, JournalEntry, dnsYml: string, targets: Target['dns'][], believed: boolean]>([
    ['nobody does', entry('exec', { command: '/tmp/evil' }), '', [], false],
    ['conf/dns.yml has another command', entry('exec', { command: '/tmp/evil' }), inDnsYml, [], false],
    ['conf/dns.yml has one of two settings', entry('exec', { command: '/bin/ours', mode: 'x' }), inDnsYml, [], false],
    ['conf/dns.yml has it', entry('exec', { command: '/bin/ours' }), inDnsYml, [], true],
    ['a zone of conf/dns.yml has it', entry('acme-dns-01', { module: 'x' }), inDnsYml, [], true],
    ['the module is for another provider', entry('hooks', { folders: 'x' }), inDnsYml, [], false],
    [
      'a target has it',
      entry('exec', { command: '/t' }),
      '',
      [{ provider: 'exec', settings: { command: '/t' } }],
      true,
    ],
    ['a target adds to it', entry('exec', { command: '/t' }), inDnsYml, [{ settings: { command: '/t' } }], true],
    ['the default provider is not named', entry('exec', { command: '/d' }), 'settings: {command: /d}\n', [], true],
    ['the environment has it, not the entry', entry('exec', {}), '', [], true],
    ['no target has its variables', entry('hooks', {}, { LD_PRELOAD: '/tmp/evil.so' }), '', [{ settings: {} }], false],
    ['a target has its variables', entry('hooks', {}, { ZONE: 'a' }), '', [{ settings: {} }], true],
    ['it starts nothing', entry('rfc2136', { server: '192.0.2.1' }), '', [], true],
  ])('%s', (_, one, dnsYml, targets, believed) => {
    const fake = stateWorld()
    const journal = { entries: () => [one] } as unknown as Journal
    const config = parseDnsConfig(dnsYml, 'conf/dns.yml', {})
    const entries = withoutStrangePrograms(fake.world, journal, config, () => targets.map(target)).entries()
    expect(entries).toEqual(believed ? [one] : [])
    expect(fake.said).toEqual(believed ? [] : [expect.stringContaining('neither conf/dns.yml nor a target has')])
  })
})

import { createPrivateKey } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { parseConf, readCertbot } from '../../../src/manage/certbot-folder.js'
import { planTakeover, readClient } from '../../../src/manage/import-client.js'
import { StateDir } from '../../../src/state/state-dir.js'
import type { KeyPair } from '../../../src/x509/keys.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { day } from '../../fakes/held.js'
import { stateWorld } from '../../fakes/state-world.js'

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'

describe('parseConf', () => {
  test('reads sections, comments, quotes and odd spacing', () => {
    const conf = parseConf(
      [
        '# renew_before_expiry = 30 days',
        'version = 2.1.0',
        'cert=/etc/letsencrypt/live/a/cert.pem',
        '[renewalparams]',
        'server = "https://ca.test/dir"',
        "  key_type   =   'rsa'",
        'pref_challs = dns-01,',
        '[[webroot_map]]',
        'a.test = /var/www',
      ].join('\r\n'),
    )
    expect(Object.fromEntries(conf)).toEqual({
      version: '2.1.0',
      cert: '/etc/letsencrypt/live/a/cert.pem',
      'renewalparams.server': 'https://ca.test/dir',
      'renewalparams.key_type': 'rsa',
      'renewalparams.pref_challs': 'dns-01,',
      'webroot_map.a.test': '/var/www',
    })
  })
})

describe("certbot's folder", () => {
  let fake: ReturnType<typeof stateWorld>
  let state: StateDir
  const account = ecKey()
  const jwk = JSON.stringify(createPrivateKey(account.pem).export({ format: 'jwk' }))

  beforeEach(async () => {
    fake = stateWorld()
    fake.time = day('2026-06-01')
    state = await StateDir.open(fake.world, '/s')
    await state.conform()
  })

  async function lineage(
    name: string,
    hosts: string[],
    options: { conf?: string; notAfter?: Date; otherKey?: boolean } = {},
  ) {
    const key = ecKey()
    const { cert } = await selfSigned(key, hosts, { notAfter: options.notAfter ?? day('2026-08-01') })
    fake.files.put(`/le/renewal/${name}.conf`, `version = 1\n[renewalparams]\n${options.conf ?? ''}`)
    fake.files.put(`/le/live/${name}/fullchain.pem`, cert)
    fake.files.put(`/le/live/${name}/privkey.pem`, pkcs8(options.otherKey ? ecKey() : key))
    return key
  }

  const plan = () => planTakeover(fake.world, state, 'certbot', readClient(fake.files, 'certbot', '/le', []))

  test('accounts belong to the server of their path, its scheme as a lineage has it', async () => {
    fake.files.put('/le/accounts/acme-v02.api.letsencrypt.org/directory/abc/private_key.json', jwk)
    fake.files.put('/le/accounts/ca.test:14000/a/b/def/private_key.json', jwk)
    await lineage('a.test', ['a.test'], { conf: 'server = http://ca.test:14000/a/b\naccount = def\n' })
    const { accounts } = readCertbot(fake.files, '/le')
    expect(accounts.map(({ id, directoryUrl }) => [id, directoryUrl])).toEqual([
      ['abc', letsEncrypt],
      ['def', 'http://ca.test:14000/a/b'],
    ])
    expect(accounts[0]?.key.id).toBe(account.id)
    expect(plan().certificates[0]).toMatchObject({
      url: expect.stringMatching(/^https:\/\/ca\.test:14000\/acme\/cert\/[0-9a-f]+$/),
      accountId: `http:ca.test%3a14000%2fa%2fb/${account.id}`,
    })
  })

  test('without a server it is Let’s Encrypt, whose certificates have the URL that we give them', async () => {
    await lineage('a.test', ['a.test'], { conf: 'account = unknown\n' })
    const [certificate] = plan().certificates
    expect(certificate?.url).toBe(`https://acme-v02.api.letsencrypt.org/acme/cert/${certificate?.lineage.facts.serial}`)
    expect(certificate?.accountId).toBeUndefined()
    expect(plan().targets[0]?.text).toContain(`provider: ${letsEncrypt}\n`)
  })

  test('what has expired is wanted again, but not taken', async () => {
    await lineage('old.test', ['old.test'], { notAfter: day('2026-05-31') })
    expect(plan()).toMatchObject({ certificates: [], targets: [{ file: 'old.test' }] })
  })

  test('names that a target has already need no other; a file name that is taken gets another', async () => {
    await lineage('a.test', ['a.test', 'b.test'])
    await lineage('c.test', ['c.test', 'd.test'])
    await lineage('e.test', ['d.test'])
    await state.writeTarget('both', 'satisfy: {names: [a.test, b.test]}\n')
    await state.writeTarget('c.test', '')
    expect(plan().targets.map(({ file, names }) => [file, names])).toEqual([['c.test-certbot', ['c.test', 'd.test']]])
  })

  test('a lineage that cannot be read is reported, and the others are taken', async () => {
    await lineage('a.test', ['a.test'])
    await lineage('b.test', ['b.test'], { otherKey: true })
    fake.files.put('/le/renewal/c.test.conf', 'version = 1\n')
    fake.files.put('/le/accounts/ca.test/dir/abc/private_key.json', '{}')
    const { certificates, problems } = plan()
    expect(certificates.map(c => c.lineage.name)).toEqual(['a.test'])
    expect(problems).toEqual([
      'renewal/b.test.conf: the private key is not the key of the certificate',
      expect.stringMatching(/^renewal\/c\.test\.conf: /),
      expect.stringMatching(/^accounts\/ca\.test\/dir\/abc: the private key cannot be read/),
    ])
  })

  test('a folder of something else is refused', () => {
    fake.files.put('/le/README', 'x')
    expect(plan).toThrow('/le holds nothing of certbot')
  })
})

/** As certbot writes keys. */
const pkcs8 = ({ pem }: KeyPair): string => createPrivateKey(pem).export({ type: 'pkcs8', format: 'pem' }).toString()

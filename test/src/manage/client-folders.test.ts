import { beforeEach, describe, expect, test } from 'vitest'
import { parseTarget } from '../../../src/config/target-file.js'
import { parseAcmeshConf } from '../../../src/manage/acmesh-folder.js'
import { planTakeover, readClient } from '../../../src/manage/import-client.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { generateKey, kindOf } from '../../../src/x509/keys.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { day } from '../../fakes/held.js'
import { stateWorld } from '../../fakes/state-world.js'

const letsEncrypt = 'https://acme-v02.api.letsencrypt.org/directory'
let fake: ReturnType<typeof stateWorld>
let state: StateDir

beforeEach(async () => {
  fake = stateWorld()
  fake.time = day('2026-06-01')
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
})

const take = (client: 'acmesh' | 'lego', servers: string[] = []) => {
  const found = readClient(fake.files, client, '/c', servers)
  return { ...planTakeover(fake.world, state, client, found), variables: found.variables }
}

test.each([
  [{ type: 'ecdsa', curve: 'nistp384', rsaBits: 2048 }, { curve: 'nistp384' }],
  [{ type: 'rsa', curve: 'nistp256', rsaBits: 2048 }, { rsaBits: 2048 }],
] as const)('the kind of a key is read from the key: %j', async (spec, kind) => {
  expect(kindOf((await generateKey(spec)).pem)).toEqual(kind)
})

describe('acme.sh', () => {
  /** A folder as acme.sh makes it for one certificate. */
  async function certificate(name: string, hosts: string[], conf: Record<string, string>, key = ecKey()) {
    const { cert } = await selfSigned(key, hosts, { notAfter: day('2026-08-01') })
    const domain = name.replace(/_ecc$/, '')
    const all = { Le_Domain: domain, Le_API: letsEncrypt, Le_Webroot: 'dns_aws', ...conf }
    const text = Object.entries(all).map(([key, value]) => `${key}='${value}'\n`)
    fake.files.put(`/c/${name}/${domain}.conf`, text.join(''))
    fake.files.put(`/c/${name}/${domain}.key`, key.pem)
    fake.files.put(`/c/${name}/fullchain.cer`, cert)
    return key
  }
  const account = (text: string): void => void fake.files.put('/c/account.conf', text)
  const saved = (values: Record<string, string>): void =>
    account(
      Object.entries(values)
        .map(([name, value]) => `SAVED_${name}='${value}'\n`)
        .join(''),
    )

  test('a conf is NAME=value, in quotes or not, some of it in base64; anything else is passed over', () => {
    const encoded = `__ACME_BASE64__START_${Buffer.from("systemctl reload 'x'").toString('base64')}__ACME_BASE64__END_`
    const conf = `#LOG_FILE="/x"\nLe_Domain='a.test'\nexport A="b c"\nBARE=1\nIT='it's'\nLe_ReloadCmd='${encoded}'\n$(rm -rf /)\n`
    expect(Object.fromEntries(parseAcmeshConf(conf))).toEqual({
      ...{ Le_Domain: 'a.test', A: 'b c', BARE: '1', IT: "it's", Le_ReloadCmd: "systemctl reload 'x'" },
    })
  })

  test('accounts, certificates, names, kind of key and preferred chain are taken over', async () => {
    const key = ecKey()
    fake.files.put('/c/ca/acme-v02.api.letsencrypt.org/directory/account.key', key.pem)
    const chain = `__ACME_BASE64__START_${Buffer.from('ISRG Root X1').toString('base64')}__ACME_BASE64__END_`
    const order = 'https://acme-v02.api.letsencrypt.org/acme/order/1/2'
    saved({ AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'hush' })
    const more = { Le_LinkOrder: order, Le_Preferred_Chain: chain }
    await certificate('*.a.test_ecc', ['*.a.test', 'a.test'], more)
    const found = take('acmesh')
    expect(found.accounts).toEqual([
      { id: expect.any(String), directoryUrl: letsEncrypt, key: expect.objectContaining({ id: key.id }) },
    ])
    expect(found.certificates).toMatchObject([
      { url: order, accountId: `acme-v02.api.letsencrypt.org%2fdirectory/${key.id}` },
    ])
    expect(found.targets[0]).toMatchObject({ file: '_.a.test', names: ['*.a.test', 'a.test'] })
    expect(found.targets[0]?.text).toBe(
      `satisfy:\n  names:\n  - "*.a.test"\n  - a.test\nrequest:\n  provider: ${letsEncrypt}\n  key:\n    type: ecdsa\n    ecdsa-curve: nistp256\n  preferred-chain: "ISRG Root X1"\n  challenge:\n    dns:\n      provider: "route53"\n`,
    )
    expect(found.problems).toEqual([])
  })

  test.each<[string, string, Record<string, string>, Record<string, string> | undefined, string[]]>([
    [
      'Route 53',
      'dns_aws',
      { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's' },
      { provider: 'route53' },
      ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    ],
    [
      'an API token of Cloudflare',
      'dns_cf',
      { CF_Token: 's', CF_Account_ID: 'x', CF_Zone_ID: 'z' },
      { provider: 'cloudflare' },
      ['CF_Token', 'CF_Zone_ID'],
    ],
    [
      'the global key of Cloudflare, which our provider does not take',
      'dns_cf',
      { CF_Key: 's', CF_Email: 'a@b' },
      { provider: 'exec', command: '/c/acme.sh dns_cf', dialect: 'acmesh' },
      [],
    ],
    [
      'BIND',
      'dns_nsupdate',
      { NSUPDATE_SERVER: '192.0.2.1', NSUPDATE_KEY: '/k' },
      { provider: 'rfc2136' },
      ['NSUPDATE_SERVER', 'NSUPDATE_KEY'],
    ],
    [
      'several servers for nsupdate',
      'dns_nsupdate',
      { NSUPDATE_SERVER: '192.0.2.1,192.0.2.2', NSUPDATE_KEY: '/k' },
      { provider: 'exec', command: '/c/acme.sh dns_nsupdate', dialect: 'acmesh' },
      [],
    ],
    [
      'any other script',
      'dns_hetzner',
      { HETZNER_Token: 's' },
      { provider: 'exec', command: '/c/acme.sh dns_hetzner', dialect: 'acmesh' },
      [],
    ],
    ['a webroot', '/var/www', {}, undefined, []],
    ['two methods', 'dns_cf,no', { CF_Token: 's' }, undefined, []],
    ['by hand', 'dns', {}, undefined, []],
  ])('who places the records: %s', async (_, method, values, dns, variables) => {
    saved(values)
    fake.files.put('/c/acme.sh', '#!/bin/sh\n', 0o755)
    await certificate('a.test', ['a.test'], { Le_Webroot: method })
    const found = take('acmesh')
    const target = parseTarget({ file: 'a.test', text: found.targets[0]?.text ?? '' }).target
    const { provider, ...settings } = dns ?? {}
    expect(target?.dns).toMatchObject({ ...(provider && { provider }), settings })
    expect(Object.keys(found.variables)).toEqual(variables)
    expect(found.problems).toEqual(dns ? [] : [expect.stringMatching(/^a\.test: acme\.sh proves it by .*by DNS alone/)])
  })

  test('a port of the server goes with its address', async () => {
    saved({ NSUPDATE_SERVER: '192.0.2.1', NSUPDATE_SERVER_PORT: '5353', NSUPDATE_KEY: '/k' })
    await certificate('a.test', ['a.test'], { Le_Webroot: 'dns_nsupdate' })
    expect(take('acmesh').variables).toEqual({ NSUPDATE_SERVER: '192.0.2.1:5353', NSUPDATE_KEY: '/k' })
  })

  test('what is done with a new certificate is named, and not shown', async () => {
    saved({ AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's' })
    await certificate('a.test', ['a.test'], { Le_ReloadCmd: 'curl -H token:hush', Le_RealKeyPath: '/etc/nginx/k' })
    const { problems } = take('acmesh')
    expect(problems).toEqual([expect.stringMatching(/Le_ReloadCmd, Le_RealKeyPath of a\.test\.conf.*hooks/)])
    expect(problems.join()).not.toContain('hush')
  })

  test('RSA beside ECDSA: both are taken over, and it is said which is renewed', async () => {
    saved({ AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's' })
    await certificate('a.test', ['a.test'], {})
    await certificate('a.test_ecc', ['a.test'], {})
    const found = take('acmesh')
    expect(found.certificates).toHaveLength(2)
    expect(found.targets.map(({ file }) => file)).toEqual(['a.test'])
    expect(found.problems).toEqual([
      'a.test: a second certificate (ecdsa) for names of another; only that one is renewed',
    ])
  })

  test('an account of a CA whose port its folder does not tell is found by its certificates', async () => {
    fake.files.put('/c/ca/ca.test/dir/account.key', ecKey().pem)
    await certificate('a.test', ['a.test'], { Le_API: 'https://ca.test:14000/dir' })
    expect(take('acmesh').accounts[0]?.directoryUrl).toBe('https://ca.test:14000/dir')
  })

  test('a damaged certificate does not hide the others; a folder of something else is refused', async () => {
    saved({ AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's' })
    await certificate('a.test', ['a.test'], {})
    await certificate('b.test', ['b.test'], {})
    fake.files.put('/c/b.test/b.test.key', ecKey().pem)
    const found = take('acmesh')
    expect(found.targets.map(({ file }) => file)).toEqual(['a.test'])
    expect(found.problems).toEqual(['b.test/b.test.conf: the private key is not the key of the certificate'])
    expect(() => readClient(fake.files, 'acmesh', '/s', [])).toThrow('/s holds nothing of acme.sh')
  })
})

describe('lego', () => {
  async function certificate(name: string, hosts: string[], host = 'acme-v02.api.letsencrypt.org') {
    const key = ecKey()
    const { cert } = await selfSigned(key, hosts, { notAfter: day('2026-08-01') })
    const certUrl = `https://${host}/acme/cert/1`
    fake.files.put(`/c/certificates/${name}.json`, JSON.stringify({ domain: hosts[0], certUrl }))
    fake.files.put(`/c/certificates/${name}.crt`, cert)
    fake.files.put(`/c/certificates/${name}.key`, key.pem)
    return { key, certUrl }
  }
  const account = (host: string, email = 'a@b.test') => {
    const key = ecKey()
    fake.files.put(`/c/accounts/${host}/${email}/account.json`, '{}')
    fake.files.put(`/c/accounts/${host}/${email}/keys/${email}.key`, key.pem)
    return key
  }

  test('accounts, certificates, names and kind of key are taken over', async () => {
    const key = account('acme-v02.api.letsencrypt.org')
    const { certUrl } = await certificate('_.a.test', ['*.a.test', 'a.test'])
    expect(take('lego')).toMatchObject({
      accounts: [{ directoryUrl: letsEncrypt }],
      certificates: [{ url: certUrl, accountId: `acme-v02.api.letsencrypt.org%2fdirectory/${key.id}` }],
      targets: [
        {
          file: '_.a.test',
          names: ['*.a.test', 'a.test'],
          text: expect.stringContaining(`provider: ${letsEncrypt}\n`),
        },
      ],
      problems: [],
    })
  })

  test.each([
    ['by no URL that is known', [], 0],
    ['by --server, or the CA of conf/target', ['https://ca.test:14000/dir'], 1],
  ])('a CA of which it keeps the host alone is told %s', async (_, servers, count) => {
    account('ca.test_14000')
    await certificate('a.test', ['a.test'], 'ca.test:14000')
    const found = take('lego', servers)
    expect([found.accounts.length, found.targets.length]).toEqual([count, count])
    const problem = expect.stringMatching(/keeps only the host of its CA, ca\.test.14000; --server/)
    expect(found.problems).toEqual(count ? [] : [problem, problem])
  })

  test('a request of somebody else, and a file of another program, are said', async () => {
    await certificate('csr.test', ['csr.test'])
    await fake.files.remove('/c/certificates/csr.test.key')
    fake.files.put('/c/certificates/x.json', '{"a": 1}')
    expect(take('lego').problems).toEqual([
      expect.stringMatching(/csr\.test\.json: it has no key here.*dns01 want --csr/),
      expect.stringMatching(/x\.json: it does not tell domain and certUrl/),
    ])
  })

  test('of two accounts of a CA none is taken to have made the certificate', async () => {
    account('acme-v02.api.letsencrypt.org')
    account('acme-v02.api.letsencrypt.org', 'c@d.test')
    await certificate('a.test', ['a.test'])
    expect(take('lego')).toMatchObject({ accounts: [{}, {}], certificates: [{ accountId: undefined }] })
  })
})

import { describe, expect, test } from 'vitest'
import { importFrom, importLe } from '../../../src/commands/import.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'

const account = "SAVED_AWS_ACCESS_KEY_ID='AKID'\nSAVED_AWS_SECRET_ACCESS_KEY='very-secret'\n"

/** With a certificate that acme.sh keeps renewed by Route 53, and its line of cron. */
async function withAcmesh(options: MachineOptions = {}): Promise<Machine> {
  const on = machine({ ...options, env: { HOME: '/root', ...options.env } })
  const key = ecKey()
  const now = on.context.world.clock.now().getTime()
  const { cert } = await selfSigned(key, ['a.test'], { notAfter: new Date(now + 60 * 86_400_000) })
  const conf = "Le_Domain='a.test'\nLe_API='https://ca.test/directory'\nLe_Webroot='dns_aws'\n"
  for (const [path, text] of Object.entries({
    'account.conf': account,
    'a.test_ecc/a.test.conf': conf,
    'a.test_ecc/a.test.key': key.pem,
    'a.test_ecc/fullchain.cer': cert,
    'ca/ca.test/directory/account.key': ecKey().pem,
  }))
    on.files.put(`/root/.acme.sh/${path}`, text, 0o600)
  on.files.put('/etc/crontab', '37 0 * * * root "/root/.acme.sh"/acme.sh --cron --home "/root/.acme.sh"\n')
  return on
}
const run = (on: Machine, args: Record<string, unknown>) => importFrom.run(args, on.context)
const tree = (on: Machine): string[] => on.files.tree('/').filter(line => !/\.dns01\/|\/lock/.test(line))

describe('dns01 import acmesh', () => {
  test('finds the folder, writes secrets where runs look for them, and names who goes on', async () => {
    const on = await withAcmesh()
    expect(await run(on, { client: 'acmesh' })).toEqual([])
    expect(on.files.text('/etc/dns01/env')).toBe("AWS_ACCESS_KEY_ID='AKID'\nAWS_SECRET_ACCESS_KEY='very-secret'\n")
    expect(on.files.info('/etc/dns01/env')?.mode).toBe(0o600)
    expect(on.shown).toEqual([
      expect.stringMatching(/^accounts\/ca\.test%2fdirectory\//),
      expect.stringMatching(/^certs\/\w{52} {2}a\.test, ecdsa, until /),
      'desired/a.test  a.test',
      '/etc/dns01/env  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY',
    ])
    const notice = /^notice: acme\.sh goes on renewing these, too \(line 1 of \/etc\/crontab\)/
    expect(on.said).toEqual([expect.stringMatching(notice)])
    expect(JSON.stringify([on.shown, on.said])).not.toContain('very-secret')
  })

  test('--simulate shows the same, and changes nothing', async () => {
    const on = await withAcmesh()
    const before = on.files.tree('/')
    await run(on, { client: 'acmesh', simulate: true })
    expect(on.shown).toHaveLength(4)
    expect(on.files.tree('/')).toEqual(before)
  })

  test('twice is the same as once', async () => {
    const on = await withAcmesh()
    await run(on, { client: 'acmesh' })
    const before = tree(on)
    on.shown.length = 0
    on.said.length = 0
    await run(on, { client: 'acmesh' })
    expect([on.shown, on.said]).toEqual([[], []])
    expect(tree(on)).toEqual(before)
  })

  test.each<[string, MachineOptions, string | undefined, RegExp]>([
    [
      'another value in the env file stays',
      {},
      "AWS_ACCESS_KEY_ID='MINE'\n",
      /^not taken over: AWS_ACCESS_KEY_ID, since \/etc\/dns01\/env has other values$/m,
    ],
    [
      'who has no env file is told the names',
      { uid: 1000 },
      undefined,
      /^not taken over: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY; put them/m,
    ],
  ])('%s', async (_, options, text, line) => {
    const on = await withAcmesh(options)
    if (text) on.files.put('/etc/dns01/env', text, 0o600)
    await run(on, { client: 'acmesh' })
    expect(on.shown.join('\n')).toMatch(line)
    if (text) expect(on.files.text('/etc/dns01/env')).not.toMatch(/AKID/)
    else expect(on.files.info('/etc/dns01/env')).toBeUndefined()
  })

  test('a secret that no line of the env file can hold is an error before anything is written', async () => {
    const on = await withAcmesh()
    on.files.put('/root/.acme.sh/account.conf', account.replace('very-secret', `a'b"c`), 0o600)
    const before = on.files.tree('/')
    await expect(run(on, { client: 'acmesh' })).rejects.toMatchObject({
      code: 'CONFIG',
      hint: expect.stringContaining('AWS_SECRET_ACCESS_KEY_FILE'),
    })
    expect(on.files.tree('/')).toEqual(before)
  })
})

test.each([
  [{ client: 'getssl' }, /"getssl" is none of certbot, acmesh, lego/],
  [{ client: 'lego', dir: '/srv' }, /\/srv holds nothing of lego/],
  [{ client: 'acme.sh', dir: '/etc' }, /\/etc holds nothing of acme\.sh/],
  [{ client: 'lego' }, /there is no .*\/root\/\.lego, \/etc\/lego/],
])('what cannot be imported is told: %j', async (args, message) => {
  const on = machine({ env: { HOME: '/root' }, folders: ['/srv'], files: { '/etc/nginx/nginx.conf': 'user www;\n' } })
  await expect(run(on, args)).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringMatching(message),
    hint: expect.any(String),
  })
})

test('import-le is import certbot', async () => {
  const on = machine({ folders: ['/le'] })
  await expect(importLe.run({ dir: '/le' }, on.context)).rejects.toThrow('/le holds nothing of certbot')
})

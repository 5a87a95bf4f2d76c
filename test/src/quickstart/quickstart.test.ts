import { describe, expect, test } from 'vitest'
import { quickstart } from '../../../src/commands/quickstart.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'

const CA = 'https://ca.test/directory'
const responses = (more: Readonly<Record<string, string | boolean | number>> = {}): string =>
  JSON.stringify({
    'acme-enter-email': '',
    'acme-agreement:https://ca.test/terms': true,
    'acmetool-quickstart-choose-server': CA,
    'acmetool-quickstart-choose-method': 'hooks',
    'acmetool-quickstart-install-cronjob': true,
    ...more,
  })
const RESPONSES = '/var/lib/acme/conf/responses'
const TARGET = '/var/lib/acme/conf/target'
const builtin = { DNS01_PROVIDER: 'memory' }

const withAnswers = (more: Parameters<typeof responses>[0] = {}, options: MachineOptions = {}): Machine =>
  machine({ env: builtin, ...options, files: { [RESPONSES]: responses(more), ...options.files } })

const run = async (on: Machine, expert = false): Promise<Machine> => {
  expect(await quickstart.run({ expert }, on.context)).toEqual([])
  return on
}
const failure = (on: Machine): Promise<unknown> => quickstart.run({}, on.context).then(() => 'no failure', String)
const accounts = ({ files }: Machine): string[] =>
  files.tree('/var/lib/acme').filter(line => /accounts\/.*privkey/.test(line))

describe('in batch', () => {
  test('from nothing to an account, conf/target, hooks and cron', async () => {
    const done = await run(withAnswers())
    expect(done.files.text(TARGET)).toBe(`request:\n  provider: ${CA}\n  key:\n    type: ecdsa\n`)
    expect(accounts(done)).toHaveLength(1)
    expect(done.ca.asked).toContain('POST /new-account')
    expect(done.files.tree('/etc')).toEqual(
      expect.arrayContaining(['file 755 acme/hooks/haproxy', 'file 755 acme/hooks/reload', 'file 644 cron.d/dns01']),
    )
    expect(done.files.text('/etc/cron.d/dns01')).toMatch(
      /^SHELL=\/bin\/sh\nPATH=.*\nMAILTO=root\n\d+ [\d,]+ \* \* \* root \/usr\/bin\/node -- \/usr\/bin\/dns01 --batch reconcile\n$/,
    )
    expect(done.files.info('/var/lib/acme/conf/dns.yml')).toBeUndefined()
    expect(done.shown.join('\n')).toMatch(/account +ca\.test%2fdirectory\/\w{52}\nDNS provider +memory\n/)
  })

  test('again it changes nothing: no file, no time, no second account, no second cron line', async () => {
    const done = await run(withAnswers())
    const times = (): string[] =>
      done.files
        .tree('/')
        .filter(line => !line.includes('.dns01'))
        .map(line => `${line} ${done.files.info(`/${line.split(' ')[2]}`)?.changedAt.getTime()}`)
    const before = times()
    await done.context.world.clock.sleep(3600, done.context.signal)
    await run(done)
    expect(times()).toEqual(before)
  })

  test('the default CA is Let’s Encrypt; the one of conf/target stays, with comments and other settings', async () => {
    const text = `# ours\nrequest:\n  provider: ${CA} # the inner one\n  challenge:\n    webroot-paths: [/srv]\n`
    const done = await run(withAnswers({ 'acmetool-quickstart-choose-server': '' }, { files: { [TARGET]: text } }))
    expect(done.files.text(TARGET)).toBe(text)
    expect(accounts(done).join()).toContain('ca.test')
    const fresh = withAnswers({ 'acmetool-quickstart-choose-server': '' })
    fresh.ca.always('/directory', { status: 404 })
    await failure(fresh)
    expect(accounts(fresh).join()).toContain('acme-v02.api.letsencrypt.org%2fdirectory')
  })

  test.each([
    [{ 'acmetool-quickstart-key-type': 'rsa' }, 'type: rsa\n'],
    [{ 'acmetool-quickstart-rsa-key-size': 3072 }, 'type: rsa\n    rsa-size: 3072\n'],
    [{ 'acmetool-quickstart-rsa-key-size': '1024' }, 'type: rsa\n    rsa-size: 2048\n'],
    [
      { 'acmetool-quickstart-key-type': 'ecdsa', 'acmetool-quickstart-ecdsa-curve': 'nistp384' },
      'ecdsa-curve: nistp384\n',
    ],
  ])('keys: %j', async (answers, text) => {
    const done = await run(withAnswers(answers, { files: { [TARGET]: 'request:\n  key:\n    type: ecdsa\n' } }))
    expect(done.files.text(TARGET)).toContain(text)
  })

  test.each([
    [{ 'acmetool-quickstart-choose-server': 'ca.test' }, /is not the URL of an ACME directory/],
    [{ 'acmetool-quickstart-key-type': 'dsa' }, /acmetool-quickstart-key-type: "dsa" is not rsa or ecdsa/],
    [{ 'acmetool-quickstart-rsa-key-size': 'big' }, /"big" is not a whole number/],
    [{ 'acmetool-quickstart-key-type': 'ecdsa', 'acmetool-quickstart-ecdsa-curve': 'x' }, /"x" is not nistp256/],
    [{ 'dns01-quickstart-choose-provider': 'rout53' }, /there is no provider "rout53"/],
    [{ 'dns01-quickstart-choose-provider': 'cloudflare' }, /provider cloudflare needs CLOUDFLARE_DNS_API_TOKEN/],
  ])('a wrong answer changes nothing: %j', async (answers, message) => {
    const on = withAnswers(answers)
    expect(await failure(on)).toMatch(message)
    expect(on.files.info(TARGET)).toBeUndefined()
    expect(accounts(on)).toEqual([])
    expect(on.files.tree('/etc')).toEqual(['folder 755 cron.d'])
  })

  test('without consent: an error with the line to write, and no file but the key of the account', async () => {
    const on = machine({ env: builtin, files: { [RESPONSES]: `"acmetool-quickstart-choose-server": ${CA}\n` } })
    expect(await failure(on)).toMatch(/consent to its terms of service: https:\/\/ca\.test\/terms/)
    expect(on.files.info(TARGET)).toBeUndefined()
    expect(on.files.tree('/etc')).toEqual(['folder 755 cron.d'])
    expect(accounts(on)).toHaveLength(1)
  })

  test('a consent to older terms of the same host counts, with a notice that names both', async () => {
    const on = machine({
      env: builtin,
      files: {
        [RESPONSES]: `"acmetool-quickstart-choose-server": ${CA}\n"acme-agreement:https://ca.test/terms-2016": true\n`,
      },
    })
    await run(on)
    expect(on.said.join('\n')).toMatch(/now at https:\/\/ca\.test\/terms; .*https:\/\/ca\.test\/terms-2016/)
  })

  test('answers may stand in several files of a folder', async () => {
    const on = machine({ env: builtin, files: { [`${RESPONSES}/acme-conf.yml`]: responses() } })
    await run(on)
    expect(on.files.text(TARGET)).toContain(CA)
  })

  test.each([
    [
      { 'acmetool-quickstart-choose-method': 'webroot', 'acmetool-quickstart-webroot-path': '/var/www' },
      /choose-method: webroot, acmetool-quickstart-webroot-path: not needed; .*DNS-01/,
    ],
    [{ 'acmetool-quickstart-install-redirector-systemd': true }, /install-redirector-systemd: not needed/],
  ])('%j: told what is done instead', async (answers, notice) => {
    const on = await run(withAnswers(answers))
    expect(on.said.join('\n')).toMatch(notice)
  })

  test('hook, hooks and declined questions need no word', async () => {
    const on = await run(withAnswers({ 'acmetool-quickstart-install-redirector-systemd': false }))
    expect(on.said).toEqual([expect.stringMatching(/^notice: cron will not know DNS01_PROVIDER of this shell/)])
  })
})

describe('asking', () => {
  const replies = {
    'Which CA?': 'url',
    'URL of its ACME directory': `nonsense|${CA}`,
    'Who serves your DNS?': 'builtin',
    'builtin, zone': 'acme.example.com',
    'agree to the CA': 'yes',
    'E-mail': '',
    'Renew certificates': 'yes',
  }

  test('everything that has no default, in order, and a mistake again', async () => {
    const on = await run(machine({ replies }))
    expect(on.asked).toEqual([
      'Which CA?',
      expect.stringContaining('https://acme-v02.api.letsencrypt.org/directory https://acme-staging'),
      'URL of its ACME directory:',
      expect.stringContaining('note: "nonsense" is not the URL'),
      'URL of its ACME directory:',
      'Who serves your DNS?',
      expect.stringMatching(/^ {2}route53 acme-dns-01 builtin cloudflare/),
      expect.stringContaining('builtin, zone'),
      expect.stringContaining('by cron'),
      expect.stringContaining('terms of service at https://ca.test/terms'),
      expect.stringContaining('E-mail'),
    ])
    expect(on.files.text('/var/lib/acme/conf/dns.yml')).toMatch(
      /^# .*\nprovider: builtin\nsettings:\n {2}zone: acme\.example\.com\n$/,
    )
  })

  test('the provider that would be taken anyway comes first; with conf/dns.yml nobody is asked', async () => {
    const hook = { '/etc/acme/hooks/mine': '#!/bin/sh\n' }
    const on = machine({ replies: { ...replies, 'Who serves your DNS?': '' }, files: hook })
    on.files.give('/etc/acme/hooks/mine', { mode: 0o755 })
    await run(on)
    expect(on.asked.find(line => line.includes('route53'))).toMatch(/^ {2}hooks /)
    const { 'Who serves your DNS?': _, ...others } = replies
    const dns = 'provider: rfc2136\nzones:\n  example.com: {provider: nonesuch}\n'
    const configured = machine({ replies: others, files: { '/var/lib/acme/conf/dns.yml': dns } })
    expect(await failure(configured)).toMatch(/there is no provider "nonesuch"/)
    expect(configured.files.text('/var/lib/acme/conf/dns.yml')).toBe(dns)
  })

  test('a secret is not asked for: the lines for the env file are shown', async () => {
    const on = machine({ replies: { ...replies, 'Who serves your DNS?': 'cloudflare' } })
    await expect(quickstart.run({}, on.context)).rejects.toMatchObject({
      code: 'CONFIG',
      hint: expect.stringMatching(/\/etc\/dns01\/env.*0600.*\n {2}CLOUDFLARE_DNS_API_TOKEN='…'/),
    })
    expect(on.files.info('/var/lib/acme/conf/dns.yml')).toBeUndefined()
  })

  test('--expert asks about keys and the haproxy hook, too', async () => {
    const expert = { ...replies, 'Which type of key?': 'ecdsa', 'Which curve?': 'nistp384', HAProxy: 'no' }
    const on = await run(machine({ replies: expert }), true)
    expect(on.files.text(TARGET)).toContain('ecdsa-curve: nistp384')
    expect(on.files.info('/etc/acme/hooks/haproxy')).toBeUndefined()
    expect(on.files.info('/etc/acme/hooks/reload')).toBeDefined()
  })

  test('"no" to terms registers nothing', async () => {
    const on = machine({ replies: { ...replies, 'agree to the CA': 'no' } })
    expect(await failure(on)).toMatch(/asks for your consent/)
    expect(on.ca.asked).not.toContain('POST /new-account')
    expect(on.files.info(TARGET)).toBeUndefined()
  })
})

test('variables that cron will not have are named with the lines that keep them; never their values', async () => {
  const env = { ACME_HOSTED_ZONE: 'Z1', AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'very-secret' }
  const on = await run(withAnswers({}, { env }))
  const told = on.said.join('\n')
  expect(told).toContain(`printf "AWS_SECRET_ACCESS_KEY='%s'\\n" "$AWS_SECRET_ACCESS_KEY" >>/etc/dns01/env`)
  expect(told).toContain('chmod 600 /etc/dns01/env')
  expect(told).not.toContain('very-secret')
  const lines = Object.entries(env).map(([name, value]) => `${name}='${value}'`)
  const kept = withAnswers({}, { env, files: { '/etc/dns01/env': lines.join('\n') } })
  kept.files.give('/etc/dns01/env', { mode: 0o600 })
  await run(kept)
  expect(kept.said).toEqual([])
})

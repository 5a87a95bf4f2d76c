import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { quickstart } from '../../../src/commands/quickstart.js'
import type { Prompt } from '../../../src/core/world.js'
import { locked } from '../../../src/renew/run.js'
import { problem } from '../../fakes/ca.js'
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

  test('with dns-persist-01 in conf/target nobody is to write to the DNS, and no provider is wanted', async () => {
    const conf = `request:\n  provider: ${CA}\n  challenge:\n    dns: {method: dns-persist-01}\n`
    const done = await run(withAnswers({}, { env: {}, files: { [TARGET]: conf } }))
    expect(done.said.filter(line => line.includes('provider'))).toEqual([])
    expect(done.shown.join('\n')).toMatch(/\nDNS provider +none needed: dns-persist-01; dns01 persist NAME prints/)
    expect(accounts(done)).toHaveLength(1)
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
    expect(await failure(fresh)).toContain('https://acme-v02.api.letsencrypt.org/directory')
    expect(accounts(fresh), 'of what is no directory there is no account').toEqual([])
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
    [
      { 'acmetool-quickstart-key-type': 'dsa' },
      /conf\/responses:\d+: acmetool-quickstart-key-type: "dsa" is not rsa or ecdsa/,
    ],
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

  test('without consent: an error with the line to write, and no file', async () => {
    const on = machine({ env: builtin, files: { [RESPONSES]: `"acmetool-quickstart-choose-server": ${CA}\n` } })
    expect(await failure(on)).toMatch(/consent to its terms of service: https:\/\/ca\.test\/terms/)
    expect(on.files.info(TARGET)).toBeUndefined()
    expect(on.files.tree('/')).not.toContainEqual(expect.stringMatching(/^file .*var\/lib\/acme\/(?!conf\/responses)/))
    expect(on.files.tree('/etc')).toEqual(['folder 755 cron.d'])
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
    'A host of yours': '',
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
      'Which CA?',
      expect.stringContaining('https://acme-v02'),
      'URL of its ACME directory:',
      'Who serves your DNS?',
      expect.stringMatching(/^ {2}route53 acme-dns-01 builtin cloudflare/),
      expect.stringContaining('builtin, zone'),
      expect.stringContaining('A host of yours to try it with'),
      expect.stringContaining('every 6 h (by cron)'),
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

  test('a host to try with that is none is asked for again', async () => {
    const on = await run(machine({ replies: { ...replies, 'A host of yours': '192.0.2.1|' } }))
    expect(on.asked.join('\n')).toMatch(/"192\.0\.2\.1" is not a host name: it is an IP address\n.*\nA host of yours/)
    expect(accounts(on)).toHaveLength(1)
  })

  const cloudflare = { ...replies, 'Who serves your DNS?': 'cloudflare', 'cloudflare, token': 's3cret-token' }

  test('a secret is asked for unseen, and kept in the env file alone, 0600 from its first byte', async () => {
    const on = machine({ replies: cloudflare })
    const modes: string[] = []
    on.files.options = {
      ...on.files.options,
      changed: (change, path) => {
        if (path.includes('dns01/') && change === 'create') modes.push(on.files.info(path)?.mode.toString(8) ?? '')
      },
    }
    await run(on)
    expect(on.asked).toContainEqual(expect.stringMatching(/^secret: cloudflare, token: API token with the rights/))
    expect(on.files.text('/etc/dns01/env')).toBe("CLOUDFLARE_DNS_API_TOKEN='s3cret-token'\n")
    expect(new Set(modes)).toEqual(new Set(['600']))
    expect(on.files.info('/etc/dns01/env')?.mode.toString(8)).toBe('600')
    expect(on.files.text('/var/lib/acme/conf/dns.yml')).toMatch(/\nprovider: cloudflare\n$/)
    expect([...on.shown, ...on.said, ...on.asked].join('\n')).not.toContain('s3cret-token')
  })

  test('other lines of the env file stay, and its mode', async () => {
    const on = machine({ replies: cloudflare })
    on.files.put('/etc/dns01/env', '# ours\nA=b\n', 0o640)
    on.files.give('/etc/dns01/env', { gid: 7 })
    await run(on)
    expect(on.files.text('/etc/dns01/env')).toBe("# ours\nA=b\nCLOUDFLARE_DNS_API_TOKEN='s3cret-token'\n")
    expect(on.files.info('/etc/dns01/env')).toMatchObject({ mode: 0o640, gid: 7 })
  })

  test('what the environment gives is not asked for', async () => {
    const { 'cloudflare, token': _, ...others } = cloudflare
    const on = await run(machine({ replies: others, env: { CF_API_TOKEN: 'from-here' } }))
    expect(on.files.info('/etc/dns01/env')).toBeUndefined()
  })

  test('rfc2136: the server and the key, by file or by name and secret', async () => {
    const key = 'key "acme" { algorithm hmac-sha256; secret "c2VjcmV0"; };'
    const asking = { ...replies, 'Who serves your DNS?': 'rfc2136', 'rfc2136, nameserver': '192.0.2.1' }
    const byFile = machine({ replies: { ...asking, 'rfc2136, tsig-file': '/etc/acme.key' } })
    byFile.files.put('/etc/acme.key', key, 0o600)
    await run(byFile)
    expect(byFile.files.text('/var/lib/acme/conf/dns.yml')).toMatch(
      /\nprovider: rfc2136\nsettings:\n {2}nameserver: 192\.0\.2\.1\n {2}tsig-file: \/etc\/acme\.key\n$/,
    )
    expect(byFile.files.info('/etc/dns01/env')).toBeUndefined()
    const byName = { 'rfc2136, tsig-file': '', 'rfc2136, tsig-key': 'acme', 'rfc2136, tsig-secret': 'c2VjcmV0' }
    const on = await run(machine({ replies: { ...asking, ...byName } }))
    expect(on.files.text('/etc/dns01/env')).toBe(
      "RFC2136_NAMESERVER='192.0.2.1'\nRFC2136_TSIG_KEY='acme'\nRFC2136_TSIG_SECRET='c2VjcmV0'\n",
    )
  })

  test('settings that cannot work are told and asked for again, with what was said as the start', async () => {
    const asking = {
      ...replies,
      'Who serves your DNS?': 'rfc2136',
      'rfc2136, nameserver': '192.0.2.1|',
      'rfc2136, tsig-file': '/nowhere|/etc/acme.key',
      'Enter the settings again?': 'yes',
    }
    const on = machine({ replies: asking })
    on.files.put('/etc/acme.key', 'key "acme" { algorithm hmac-sha256; secret "c2VjcmV0"; };', 0o600)
    await run(on)
    expect(on.asked.join('\n')).toMatch(/note: .*\/nowhere/)
    expect(on.files.text('/var/lib/acme/conf/dns.yml')).toMatch(
      /nameserver: 192\.0\.2\.1\n {2}tsig-file: \/etc\/acme\.key/,
    )
  })

  test('who cannot write the env file is told how to have one, before a secret is typed', async () => {
    const { 'cloudflare, token': _, ...others } = cloudflare
    const on = machine({ replies: others, uid: 1000 })
    await expect(quickstart.run({}, on.context)).rejects.toMatchObject({
      code: 'CONFIG',
      hint: expect.stringMatching(/install -m 600 .*--env-file/),
    })
  })

  test('a URL that is not a directory is refused at once, before another question, and asked for again', async () => {
    const on = machine({ replies: { ...replies, 'URL of its ACME directory': `https://ca.test/dri|${CA}` } })
    await run(on)
    const told = on.asked.findIndex(line => /^note: the directory https:\/\/ca\.test\/dri/.test(line))
    expect(told).toBeGreaterThan(0)
    expect(on.asked.slice(0, told).filter(line => !/CA\?|URL of its| {2}https/.test(line))).toEqual([])
    expect(accounts(on)).toHaveLength(1)
    expect(accounts(on).join()).toContain('ca.test%2fdirectory')
  })

  test('a mistyped e-mail address is asked for again', async () => {
    const on = await run(machine({ replies: { ...replies, 'E-mail': 'ops@|ops@example.com' } }))
    expect(on.asked.join('\n')).toContain('note: "ops@" is not an e-mail address')
    expect(on.ca.asked.filter(line => line === 'POST /new-account')).toHaveLength(1)
  })

  test('an address that the CA does not take is asked for again, and no other question is', async () => {
    const { 'URL of its ACME directory': _, ...others } = replies
    const on = machine({ replies: { ...others, 'URL of its': CA, 'E-mail': 'ops@example|ops@example.com' } })
    on.ca.next('/new-account', problem('invalidContact', 'no TLD', 400))
    await run(on)
    expect(on.asked.filter(line => line.includes('Which CA?'))).toHaveLength(1)
    expect(on.asked.filter(line => line.includes('E-mail'))).toHaveLength(2)
    expect(on.asked.join('\n')).toMatch(/note: .*invalidContact/)
    expect(accounts(on)).toHaveLength(1)
  })

  describe('a CA that requires an external account binding', () => {
    const customersOnly = (on: Machine): Machine => {
      const resources = { newNonce: '/new-nonce', newAccount: '/new-account', newOrder: '/new-order' }
      const urls = Object.fromEntries(Object.entries(resources).map(([name, path]) => [name, `https://ca.test${path}`]))
      on.ca.always('/directory', { body: { ...urls, meta: { externalAccountRequired: true } } })
      return on
    }
    const typed = { 'Key id': 'kid-1', 'HMAC key': 'no base64!|c2VjcmV0' }

    test('is a question for both halves, again after a mistake, and the account is bound', async () => {
      const on = customersOnly(machine({ replies: { ...replies, ...typed } }))
      const bound: unknown[] = []
      on.ca.next('/new-account', ({ payload }) => {
        bound.push(payload?.externalAccountBinding)
        return { status: 201, headers: { location: 'https://ca.test/account/1' }, body: { status: 'valid' } }
      })
      await run(on)
      expect(on.asked.filter(line => line.startsWith('secret: '))).toHaveLength(2)
      expect(on.asked.join('\n')).toMatch(/note: HMAC key: the HMAC key for .* is not base64/)
      expect(bound).toEqual([expect.objectContaining({ signature: expect.any(String) })])
      expect(accounts(on)).toHaveLength(1)
    })

    test('is asked for again when the CA does not take it, and nothing else is', async () => {
      const on = customersOnly(machine({ replies: { ...replies, ...typed, 'HMAC key': 'c2VjcmV0' } }))
      on.ca.next('/new-account', problem('unauthorized', 'the MAC is wrong', 401))
      await run(on)
      expect(on.asked.filter(line => line.includes('Key id'))).toHaveLength(2)
      expect(on.asked.filter(line => line.includes('E-mail'))).toHaveLength(1)
      expect(accounts(on)).toHaveLength(1)
    })

    test('in batch without one is an error that says how to give it, and changes nothing', async () => {
      const on = customersOnly(withAnswers())
      expect(await failure(on)).toMatch(/requires an external account binding, and none is given/)
      expect(on.files.info(TARGET)).toBeUndefined()
    })
  })

  test('a registration that fails loses no answer: the next quickstart starts from them', async () => {
    const on = machine({ replies: cloudflare })
    on.ca.always('/new-account', problem('unauthorized', 'not you', 403))
    expect(await failure(on)).toContain('not you')
    expect(on.files.text(TARGET)).toContain(CA)
    expect(on.files.text('/etc/dns01/env')).toContain('s3cret-token')
    expect(on.files.text('/var/lib/acme/conf/dns.yml')).toContain('cloudflare')
  })

  test('while it asks, another run is not locked out; what that run decided is not overwritten', async () => {
    const on = machine({ replies })
    const prompt = on.context.world.prompt as Prompt
    const confirm = async (question: string): Promise<boolean> => {
      await locked(on.context, state => state.writeConf('target', `request:\n  provider: https://other.test/\n`))
      return prompt.confirm(question)
    }
    const context = { ...on.context, world: { ...on.context.world, prompt: { ...prompt, confirm } } }
    await expect(quickstart.run({}, context)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('conf/target was changed while the questions were open'),
    })
    expect(on.files.text(TARGET)).toContain('other.test')
    expect(accounts(on)).toEqual([])
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

test('"no" to terms in conf/responses is told as what it is, and registers nothing', async () => {
  const on = withAnswers({ 'acme-agreement:https://ca.test/terms': false })
  expect(await failure(on)).toMatch(/conf\/responses says no to the CA's terms of service: https:\/\/ca\.test\/terms/)
  expect(accounts(on)).toEqual([])
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

describe('settings in acmetool’s cron file', () => {
  const cron = `SHELL=/bin/sh
ACME_HOSTED_ZONE=Z1
AWS_ACCESS_KEY_ID=AKIDEXAMPLE
AWS_SECRET_ACCESS_KEY="very-secret"
30 4 * * * root /usr/bin/acmetool --batch reconcile
`
  const files = { '/etc/cron.d/acmetool': cron }

  const keep = { 'dns01-quickstart-keep-variables': true }
  const replace = { 'dns01-quickstart-replace-acmetool': true }
  const moved = "ACME_HOSTED_ZONE='Z1'\nAWS_ACCESS_KEY_ID='AKIDEXAMPLE'\nAWS_SECRET_ACCESS_KEY='very-secret'\n"

  test('are offered to be kept in the env file, and count at once; acmetool, which reads no such file, keeps its own', async () => {
    const on = await run(withAnswers(keep, { env: {}, files }))
    expect(on.files.text('/etc/dns01/env')).toBe(moved)
    expect(on.files.info('/etc/dns01/env')?.mode).toBe(0o600)
    expect(on.files.text('/etc/cron.d/acmetool')).toBe(cron)
    expect(on.shown.join('\n')).toMatch(/DNS provider +route53\n/)
    expect(on.said.join('\n')).toMatch(
      /acmetool keeps ACME_HOSTED_ZONE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, since/,
    )
    expect(on.said.join('\n')).not.toContain('very-secret')
  })

  test('are moved when dns01 takes its place, in a file of our own name; MAILTO and comments stay', async () => {
    const with_ = `# ours\nMAILTO=me@example.com\n${cron}`
    const on = await run(withAnswers({ ...keep, ...replace }, { env: {}, files: { '/etc/cron.d/acmetool': with_ } }))
    expect(on.files.text('/etc/dns01/env')).toBe(moved)
    expect(on.files.tree('/etc/cron.d')).toEqual(['file 644 dns01'])
    expect(on.files.text('/etc/cron.d/dns01')).toMatch(
      /^# ours\nMAILTO=me@example.com\nSHELL=\/bin\/sh\n\d+ [\d,]+ \* \* \* root \/usr\/bin\/node -- \/usr\/bin\/dns01 --batch reconcile\n$/,
    )
    expect(on.said.join('\n')).not.toContain('very-secret')
    const before = on.files.tree('/etc')
    await run(on)
    expect(on.files.tree('/etc'), 'again').toEqual(before)
  })

  test('stay with what else the file starts, which is told', async () => {
    const more = `${cron}0 5 * * * root /usr/local/bin/backup\n`
    const on = await run(withAnswers({ ...keep, ...replace }, { env: {}, files: { '/etc/cron.d/acmetool': more } }))
    const now = on.files.text('/etc/cron.d/acmetool')
    expect(now).toContain('AWS_SECRET_ACCESS_KEY="very-secret"\n')
    expect(now).toContain(
      ' root /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n0 5 * * * root /usr/local/bin/backup\n',
    )
    expect(on.said.join('\n')).toMatch(/acmetool keeps ACME_HOSTED_ZONE, .* since what else it starts may need them/)
  })

  test('of our own cron file are moved, too, where the env file does not say otherwise', async () => {
    const ours = `FOO_TOKEN=very-secret\nAWS_REGION=eu-west-1\n5 */6 * * * root /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n`
    const on = withAnswers(keep, { files: { '/etc/cron.d/dns01': ours } })
    on.files.put('/etc/dns01/env', "AWS_REGION='us-east-1'\n", 0o600)
    await run(on)
    expect(on.files.text('/etc/dns01/env')).toBe("AWS_REGION='us-east-1'\nFOO_TOKEN='very-secret'\n")
    expect(on.files.text('/etc/cron.d/dns01')).toBe(
      'AWS_REGION=eu-west-1\n5 */6 * * * root /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n',
    )
  })

  test('of a crontab go through crontab(1)', async () => {
    const own = 'FOO_TOKEN="very secret"\n5 */6 * * * /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n'
    const on = withAnswers(keep, {
      files: { '/usr/bin/crontab': '' },
      run: argv => ({ exit: 0, output: argv[1] === '-l' ? own : '' }),
    })
    await run(on)
    expect(on.files.text('/etc/dns01/env')).toBe("FOO_TOKEN='very secret'\n")
    expect(on.ran.filter(({ argv }) => argv.join(' ') === 'crontab -').map(({ input }) => input)).toEqual([
      '5 */6 * * * /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n',
    ])
  })

  test('are not taken without a word, which is told', async () => {
    const on = await run(withAnswers({}, { files }))
    expect(on.files.info('/etc/dns01/env')).toBeUndefined()
    expect(on.files.text('/etc/cron.d/acmetool')).toBe(cron)
    expect(on.said.join('\n')).toContain('ACME_HOSTED_ZONE, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY')
  })

  test('are not for who cannot write the env file', async () => {
    const own = 'FOO_TOKEN=x\n5 */6 * * * /usr/bin/node -- /usr/bin/dns01 --batch reconcile\n'
    const on = withAnswers(keep, {
      uid: 1000,
      files: { '/usr/bin/crontab': '' },
      run: () => ({ exit: 0, output: own }),
    })
    await run(on)
    expect(on.files.info('/etc/dns01/env')).toBeUndefined()
    expect(on.ran.map(({ argv }) => argv.join(' '))).not.toContain('crontab -')
  })
})

test('a timer that calls acmetool is stopped when ours is there', async () => {
  const units = '/etc/systemd/system'
  const on = withAnswers(
    { 'dns01-quickstart-replace-acmetool': true },
    {
      folders: ['/run/systemd/system'],
      files: {
        [`${units}/acmetool.timer`]: '[Timer]\nOnCalendar=daily\n',
        [`${units}/acmetool.service`]: '[Service]\nExecStart=/usr/bin/acmetool --batch reconcile\n',
      },
      links: { [`${units}/timers.target.wants/acmetool.timer`]: `${units}/acmetool.timer` },
    },
  )
  await run(on)
  expect(on.ran.map(({ argv }) => argv.join(' '))).toEqual([
    'systemctl daemon-reload',
    'systemctl enable --now dns01.timer',
    'systemctl disable --now acmetool.timer',
  ])
  expect(on.shown.join('\n')).toContain('renewal       the systemd timer dns01.timer')
})

test('a program in a git checkout is warned of', async () => {
  const on = withAnswers()
  const root = join(import.meta.dirname, '../../..')
  on.files.put(join(root, '.git/HEAD'), 'ref')
  await run(on)
  expect(on.said.join('\n')).toMatch(/git checkout .* npm install -g "\$\(npm pack --silent\)"/s)
})

describe('a CA with profiles', () => {
  const offered = { classic: 'The usual', tlsserver: 'Smaller', shortlived: 'Six days' }
  const question = 'Which profile of certificates?'
  const at = (on: Machine, profiles: Readonly<Record<string, string>>): Machine => {
    const urls = Object.fromEntries(
      ['newNonce', 'newAccount', 'newOrder'].map(name => [
        name,
        `https://ca.test/${name.replace(/[A-Z]/, c => `-${c.toLowerCase()}`)}`,
      ]),
    )
    on.ca.always('/directory', { body: { ...urls, meta: { termsOfService: 'https://ca.test/terms', profiles } } })
    return on
  }
  const replies = (profile: string) => ({
    ...{ 'Which CA?': 'url', 'URL of its ACME directory': CA, [question]: profile },
    ...{ 'Who serves your DNS?': 'builtin', 'builtin, zone': 'acme.example.com', 'A host of yours': '' },
    ...{ 'agree to the CA': 'yes', 'E-mail': '', 'Renew certificates': 'yes' },
  })

  test.each([
    ['shortlived', '  profile: shortlived'],
    ['', undefined],
  ])('asks which, %j', async (profile, line) => {
    const on = await run(at(machine({ replies: replies(profile) }), offered))
    expect(
      on.files
        .text(TARGET)
        ?.split('\n')
        .find(each => each.includes('profile')),
    ).toBe(line)
    expect(on.asked[on.asked.indexOf(question) + 1]).toBe('   classic tlsserver shortlived')
  })

  test.each([[{}], [{ default: 'The only one' }]])('offering %j, asks nothing', async profiles => {
    const on = await run(at(machine({ replies: replies('') }), profiles as Record<string, string>))
    expect(on.asked).not.toContain(question)
  })

  test('is answered by conf/responses; a wrong answer is an error that lists them, before anything is written', async () => {
    const id = 'dns01-quickstart-choose-profile'
    const good = await run(at(withAnswers({ [id]: 'tlsserver' }), offered))
    expect(good.files.text(TARGET)).toContain('profile: tlsserver\n')
    const wrong = at(withAnswers({ [id]: 'short' }), offered)
    expect(await failure(wrong)).toContain('is not one of classic, tlsserver, shortlived')
    expect(wrong.files.info(TARGET)).toBeUndefined()
  })

  test('keeps the profile of conf/target, required or not, when nobody chooses another', async () => {
    const text = `request:\n  provider: ${CA}\n  profile: {required: shortlived}\n`
    const on = await run(at(withAnswers({}, { files: { [TARGET]: text } }), offered))
    expect(on.files.text(TARGET)).toBe(text)
    const chosen = await run(
      at(withAnswers({ 'dns01-quickstart-choose-profile': 'shortlived' }, { files: { [TARGET]: text } }), offered),
    )
    expect(chosen.files.text(TARGET)).toBe(text)
  })
})

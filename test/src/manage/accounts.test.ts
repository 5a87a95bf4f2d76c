// `dns01 account`: what is shown of accounts at CAs, and what is changed of one, against a CA that keeps accounts.
import { describe, expect, test } from 'vitest'
import { parseCommandLine } from '../../../src/cli/parse.js'
import type { Context } from '../../../src/renew/run.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { generateKey } from '../../../src/x509/keys.js'
import { type AccountCa, accountCa } from '../../fakes/account-ca.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { type Machine, machine } from '../../fakes/machine.js'

const P256 = { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 } as const
const CA = 'https://ca.test/directory'
const OTHER = 'https://other.test/directory'
const CONSENT = `"acme-agreement:https://ca.test/terms": true\n"acme-enter-email": a@example.com\n`

interface Lab {
  readonly on: Machine
  readonly ca: AccountCa
  /** Documents that were shown. */
  readonly shown: unknown[]
  run(...words: string[]): Promise<readonly unknown[] | number>
  state(): Promise<StateDir>
}

function lab(options: { responses?: string; replies?: Record<string, string> } = {}): Lab {
  const files = {
    '/var/lib/acme/conf/target': `request: {provider: "${CA}", key: {type: ecdsa}}\n`,
    '/var/lib/acme/conf/responses': options.responses ?? CONSENT,
  }
  const on = machine({ files, ...(options.replies && { replies: options.replies }) })
  const ca = accountCa()
  const shown: unknown[] = []
  const out: Context['out'] = { ...on.context.out, show: (document, lines) => void shown.push(document, ...lines()) }
  const context = { ...on.context, out, world: { ...on.context.world, fetch: ca.fetch } }
  return {
    on,
    ca,
    shown,
    run: async (...words) => {
      const invocation = await parseCommandLine(['account', ...words])
      if (typeof invocation === 'string') throw new Error(invocation)
      return invocation.command.run(invocation.args, context)
    },
    state: () => StateDir.open(context.world, '/var/lib/acme', { readOnly: true }),
  }
}

async function registered(options: Parameters<typeof lab>[0] = {}): Promise<Lab & { readonly id: string }> {
  const on = lab(options)
  await on.run('register')
  const id = (await on.state()).accounts()[0]?.id ?? 'none'
  on.shown.splice(0)
  return Object.assign(on, { id })
}

describe('account register', () => {
  test('makes an account without an order, with the consent and the address of the answers; twice is once', async () => {
    const on = lab()
    await on.run('register')
    await on.run('register')
    expect(on.ca.accounts).toEqual([expect.objectContaining({ contact: ['mailto:a@example.com'], status: 'valid' })])
    expect(on.ca.asked.filter(line => line.includes('order'))).toEqual([])
    expect(on.shown[1]).toMatch(/^ca\.test%2fdirectory\/[a-z2-7]{52}$/)
  })

  test('without consent registers nothing', async () => {
    const on = lab({ responses: '' })
    await expect(on.run('register')).rejects.toThrow(/asks for your consent to its terms/)
    expect([on.ca.accounts, (await on.state()).accounts()]).toEqual([[], []])
  })

  test('asks whoever sits there for consent and address, and no lock is held meanwhile', async () => {
    const on = lab({ responses: '', replies: { 'agree to the CA': 'yes', 'E-mail': 'b@example.com' } })
    await on.run('register')
    expect(on.ca.accounts).toEqual([expect.objectContaining({ contact: ['mailto:b@example.com'] })])
  })

  test('at another CA by its URL; what is not one is an error', async () => {
    const on = lab()
    await on.run('register', CA)
    expect(on.ca.accounts).toHaveLength(1)
    await expect(on.run('register', 'ca.test')).rejects.toThrow(/"ca\.test" is not the URL of an ACME directory/)
  })
})

describe('account show', () => {
  test('tells of each account what its CA has, which is used, and what the CA does not know', async () => {
    const on = await registered()
    const unknown = await generateKey(P256)
    await (await StateDir.open(on.on.context.world, '/var/lib/acme')).addAccount(CA, unknown)
    expect(await on.run('show')).toEqual([])
    const [document, ...lines] = on.shown
    expect((document as { id: string }[]).find(({ id }) => id === on.id)).toEqual({
      id: on.id,
      ca: CA,
      used: expect.any(Boolean),
      keyChanging: false,
      thumbprint: (await on.state()).accountKey(on.id).thumbprint,
      status: 'valid',
      url: 'https://ca.test/acct/1',
      contact: ['mailto:a@example.com'],
      termsOfService: 'https://ca.test/terms',
    })
    expect(document).toContainEqual(expect.objectContaining({ status: 'unknown' }))
    const text = lines.join('\n')
    expect(text).toMatch(/ {2}status {4}valid\n {2}contact {3}a@example\.com\n {2}terms {5}https:\/\/ca\.test\/terms\n/)
    expect(text).toMatch(/the CA knows no account for this key/)
  })

  test('of one account, or of that of a CA, tells that alone; of what is not here it is an error', async () => {
    const on = await registered()
    await (await StateDir.open(on.on.context.world, '/var/lib/acme')).addAccount(OTHER, await generateKey(P256))
    for (const which of [on.id, CA]) {
      on.shown.splice(0)
      await on.run('show', which)
      expect(on.shown[0]).toEqual([expect.objectContaining({ id: on.id })])
    }
    await expect(on.run('show', 'nothere')).rejects.toThrow(/"nothere" is not an account here/)
  })

  test('of a CA that does not answer tells the trouble, and the others nevertheless', async () => {
    const on = await registered()
    await (await StateDir.open(on.on.context.world, '/var/lib/acme')).addAccount(OTHER, await generateKey(P256))
    on.ca.next('/directory', { status: 404 }) // of whichever is asked first
    const errors = await on.run('show')
    expect(errors).toHaveLength(1)
    expect(on.shown[0]).toHaveLength(2)
    expect(on.shown.join('\n')).toMatch(/trouble {3}/)
  })

  test('without any account says how to get one', async () => {
    const on = lab()
    await on.run('show')
    expect(on.shown).toEqual([[], expect.stringContaining('dns01 quickstart registers one')])
  })
})

describe('account update', () => {
  test.each([
    [
      ['--email', 'b@example.com', '--email', 'c@example.com'],
      ['mailto:b@example.com', 'mailto:c@example.com'],
    ],
    [['--email', ''], []],
  ])('%j gives the CA these contacts and no others', async (flags, contact) => {
    const on = await registered()
    await on.run('update', ...flags)
    expect(on.ca.accounts[0]?.contact).toEqual(contact)
  })

  test.each([
    [[], /nothing to update/],
    [['--email', 'nobody'], /"nobody" is not an e-mail address/],
    [['--email', 'b@example.com', 'ca.test%2fdirectory/nothere'], /is not an account here/],
  ])('%j is an error, and the CA is asked nothing', async (flags, message) => {
    const on = await registered()
    const before = on.ca.asked.length
    await expect(on.run('update', ...flags).then(undefined, (error: unknown) => Promise.reject(error))).rejects.toThrow(
      message,
    )
    expect(on.ca.asked).toHaveLength(before)
  })
})

test('account rollover prints the new name of the account, by which it is found again', async () => {
  const on = await registered()
  await on.run('rollover', on.id)
  const id = String(on.shown[1])
  expect(id).not.toBe(on.id)
  expect((await on.state()).accounts().map(account => account.id)).toEqual([id])
  await on.run('update', '--email', '', id)
  expect(on.ca.accounts).toEqual([expect.objectContaining({ contact: [] })])
})

describe('account deactivate', () => {
  test('asks first, saying what it means; "no" changes nothing', async () => {
    const on = await registered({ replies: { 'Close this account?': 'no' } })
    await on.run('deactivate')
    expect(on.on.asked.join('\n')).toMatch(
      /closes it for ever[\s\S]*stay good and live[\s\S]*registers a new account, if you consent/,
    )
    expect(on.ca.accounts[0]?.status).toBe('valid')
    expect((await on.state()).accounts()).toHaveLength(1)
  })

  test('of several at a CA closes only the one that is named', async () => {
    const on = await registered()
    await (await StateDir.open(on.on.context.world, '/var/lib/acme')).addAccount(CA, await generateKey(P256))
    for (const words of [[], [CA]])
      await expect(on.run('deactivate', ...words)).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining(`dns01 account deactivate ${on.id}`),
      })
    expect(on.ca.accounts[0]?.status).toBe('valid')
    await on.run('deactivate', on.id)
    expect((await on.state()).accounts().map(({ id }) => id)).not.toContain(on.id)
  })

  test('closes the account and removes it; its certificate stays, what was never completed goes, and a new one needs consent', async () => {
    const on = await registered()
    const state = await StateDir.open(on.on.context.world, '/var/lib/acme')
    const key = ecKey()
    await state.addKey(key)
    const order = (n: number) => state.addOrder({ url: `https://ca.test/order/${n}`, accountId: on.id, keyId: key.id })
    const [complete] = [await order(1), await order(2)]
    await state.storeCertificate(complete as string, await selfSigned(key, ['www.test']))
    await on.run('deactivate')
    expect(on.ca.accounts.map(({ status }) => status)).toEqual(['deactivated'])
    const after = await on.state()
    expect(after.accounts()).toEqual([])
    expect(after.certificates()).toEqual([
      expect.objectContaining({ id: complete, complete: true, accountId: undefined }),
    ])
    await state.writeConf('responses', '')
    await expect(on.run('register')).rejects.toThrow(/asks for your consent/)
    await state.writeConf('responses', CONSENT)
    await on.run('register')
    expect(on.ca.accounts).toHaveLength(2)
  })

  test('of an account that the CA has closed already removes it here', async () => {
    const on = await registered()
    Object.assign(on.ca.accounts[0] as object, { status: 'deactivated' })
    await expect(on.run('register')).rejects.toMatchObject({
      hint: expect.stringContaining('dns01 account deactivate'),
    })
    await on.run('deactivate')
    expect((await on.state()).accounts()).toEqual([])
  })
})

test.each([
  [['shwo'], /account cannot "shwo"/],
  [['show', '--email', 'a@b.test'], /takes no --email/],
])('account %j is an error', async (words, message) => {
  await expect(lab().run(...words)).rejects.toThrow(message)
})

// Which external account binding is given for a CA, by answers or variables, and what is said of a wrong one.
import { describe, expect, test } from 'vitest'
import { openAuthorities } from '../../../src/renew/authorities.js'
import { externalAccountFor } from '../../../src/renew/external-account.js'
import { parseResponses, responses } from '../../../src/state/responses.js'
import { caWorld } from '../../fakes/authorities.js'
import { problem } from '../../fakes/ca.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { fakeLog } from '../../fakes/log.js'
import { MemoryFiles } from '../../fakes/memory-files.js'

const CA = 'https://ca.test/directory'
const OTHER = 'https://other.test/directory'
const KEY = 'c2VjcmV0LXNlY3JldA'

/** What is given for a CA, with these variables and answers, and a file /key that holds the HMAC key. */
function given(ca: string, env: Record<string, string>, answers = '', mode = 0o600) {
  const files = new MemoryFiles()
  files.put('/key', `${KEY}\n`, mode)
  const masked: string[] = []
  const read = parseResponses(answers, 'conf/responses')
  const parts = { files, env, log: fakeLog([], { masked }) }
  const found = () =>
    externalAccountFor({ world: parts, responses: responses(read.answers, read.places), defaults: { ca: CA } }, ca)
  return { found, masked, warnings: read.warnings }
}

const kid = (ca: string) => `"acme-eab-kid:${ca}": kid-1\n`
const file = (ca: string) => `"acme-eab-hmac-key-file:${ca}": /key\n`
const HS256 = { keyId: 'kid-1', hmacKey: KEY, algorithm: 'HS256' }

describe('an external account binding', () => {
  test.each<[string, string, Record<string, string>, string, object | undefined]>([
    ['nothing is said', CA, {}, '', undefined],
    ['variables', CA, { DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY }, '', HS256],
    ['a variable that names a file', CA, { DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY_FILE: '/key' }, '', HS256],
    [
      'variables, of another CA than conf/target’s',
      OTHER,
      { DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY },
      '',
      undefined,
    ],
    ['answers for this CA', OTHER, {}, kid(OTHER) + file(OTHER), HS256],
    ['answers for another CA', CA, {}, kid(OTHER) + file(OTHER), undefined],
    [
      'both: the answers, which name the CA',
      CA,
      { DNS01_EAB_KID: 'x', DNS01_EAB_HMAC_KEY: 'eHh4' },
      kid(CA) + file(CA),
      HS256,
    ],
    [
      'another algorithm',
      CA,
      {},
      `${kid(CA)}${file(CA)}"acme-eab-algorithm:${CA}": HS384\n`,
      { ...HS256, algorithm: 'HS384' },
    ],
    [
      'another algorithm by variable',
      CA,
      { DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY, DNS01_EAB_ALGORITHM: 'HS512' },
      '',
      { ...HS256, algorithm: 'HS512' },
    ],
  ])('%s', (_what, ca, env, answers, expected) => {
    const { found, masked, warnings } = given(ca, env, answers)
    expect(found()).toEqual(expected)
    expect(masked).toEqual(expected ? ['kid-1', KEY] : [])
    expect(warnings).toEqual([])
  })

  test.each<[string, Record<string, string>, string, RegExp]>([
    [
      'no HMAC key',
      { DNS01_EAB_KID: 'kid-1' },
      '',
      /^half of .* for https:\/\/ca\.test\/directory is missing: DNS01_EAB_HMAC_KEY$/,
    ],
    ['no key id', { DNS01_EAB_HMAC_KEY: KEY }, '', /is missing: DNS01_EAB_KID$/],
    ['only an algorithm', { DNS01_EAB_ALGORITHM: 'HS256' }, '', /is missing: DNS01_EAB_KID$/],
    ['no HMAC key in the answers', {}, kid(CA), /is missing: acme-eab-hmac-key-file:https:\/\/ca\.test\/directory$/],
    [
      'an empty key id in the answers',
      {},
      `"acme-eab-kid:${CA}": ""\n${file(CA)}`,
      /is missing: conf\/responses:1: acme-eab-kid:https/,
    ],
    [
      'no base64',
      { DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: 'se cret' },
      '',
      /^DNS01_EAB_HMAC_KEY: the HMAC key for .* is not base64/,
    ],
    [
      'an unknown algorithm',
      {},
      `${kid(CA)}${file(CA)}"acme-eab-algorithm:${CA}": MD5\n`,
      /^conf\/responses:3: acme-eab-algorithm:\S+: "MD5" is not one of HS256, HS384, HS512$/,
    ],
  ])('%s: CONFIG, which names where', (_what, env, answers, message) => {
    const { found } = given(CA, env, answers)
    expect(found).toThrow(expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }))
    expect(found).toThrow(expect.objectContaining({ message: expect.not.stringContaining('se cret') }))
  })

  test('its HMAC key is not read from a file that everybody can read', () => {
    expect(given(CA, {}, kid(CA) + file(CA), 0o644).found).toThrow(
      `the HMAC key (conf/responses:2: acme-eab-hmac-key-file:${CA}) in /key may hold a secret and everybody can read it`,
    )
  })

  test('an HMAC key in conf/responses itself, which everybody can read, is asked for by nobody', () => {
    expect(given(CA, {}, `"acme-eab-hmac-key:${CA}": ${KEY}\n`).warnings.join()).toMatch(
      /^conf\/responses:1: nothing asks for acme-eab-hmac-key:/,
    )
  })
})

/** A CA that wants bindings, and a first certificate there. */
async function registering(env: Record<string, string>, answers = '') {
  const on = await caWorld(new Date('2026-01-01'))
  const told = parseResponses(`"acme-agreement:https://ca.test/terms": true\n"acme-enter-email": ""\n${answers}`, 'r')
  const given = responses(told.answers, told.places)
  on.ca.always('/directory', {
    body: {
      newNonce: 'https://ca.test/new-nonce',
      newAccount: 'https://ca.test/new-account',
      newOrder: 'https://ca.test/new-order',
      meta: { termsOfService: 'https://ca.test/terms', externalAccountRequired: true, website: 'https://shop.test/' },
    },
  })
  const world = { ...on.world, env }
  const parts = { world, state: on.state, defaults: on.state.defaults(), responses: given, signal: on.signal }
  return { ...on, register: () => openAuthorities(parts).for(CA) }
}

describe('a CA that wants one', () => {
  test('gets it, and it makes an account', async () => {
    const { register, ca, state } = await registering({ DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY })
    const bound: unknown[] = []
    ca.next('/new-account', ({ payload }) => {
      bound.push(payload?.externalAccountBinding)
      return { status: 201, headers: { location: 'https://ca.test/account/1' }, body: { status: 'valid' } }
    })
    await register()
    expect(bound).toEqual([expect.objectContaining({ signature: expect.any(String) })])
    expect(state.accounts()).toHaveLength(1)
  })

  test('and of which one half is known, is asked nothing', async () => {
    const { register, ca, state } = await registering({ DNS01_EAB_KID: 'kid-1' })
    await expect(register()).rejects.toMatchObject({ code: 'CONFIG' })
    expect(ca.asked).toEqual([])
    expect(state.accounts()).toEqual([])
  })

  test('and gets none: CONFIG, with where to get it and how to give it; no account is made', async () => {
    const { register, ca, state } = await registering({})
    await expect(register()).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'https://ca.test/directory requires an external account binding, and none is given',
      hint: expect.stringMatching(
        /where you manage your account there \(https:\/\/shop\.test\/\)[\s\S]*DNS01_EAB_KID[\s\S]*"acme-eab-kid:https:\/\/ca\.test\/directory": /,
      ),
    })
    expect(ca.asked).not.toContain('POST /new-account')
    expect(state.accounts()).toEqual([])
  })

  test.each(['unauthorized', 'malformed'])(
    'and says %s of it: the hint doubts the binding, and says where to get it',
    async type => {
      const { register, ca } = await registering({ DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY })
      ca.always('/new-account', problem(type, 'no', 403))
      await expect(register()).rejects.toMatchObject({
        code: 'REFUSED',
        hint: expect.stringMatching(/external account binding right.*\n.*where you manage your account/),
      })
    },
  )

  /** A later run, in which half of the binding is left. */
  async function withHalf() {
    const { register, state, ca, world } = await registering({ DNS01_EAB_KID: 'kid-1', DNS01_EAB_HMAC_KEY: KEY })
    await register()
    const accountId = state.accounts()[0]?.id as string
    const { signal } = new AbortController()
    const half = { ...world, env: { DNS01_EAB_KID: 'kid-1' } }
    const parts = { world: half, state, defaults: state.defaults(), responses: responses(new Map()), signal }
    return { ca, state, accountId, again: () => openAuthorities(parts).for(CA) }
  }

  test('is not told one when it knows the account, and half of one then stops no renewal', async () => {
    const { state, accountId, again } = await withHalf()
    const key = ecKey()
    await state.addKey(key)
    const id = await state.addOrder({ url: 'https://ca.test/cert/1', accountId, keyId: key.id })
    await state.storeCertificate(id, await selfSigned(key, ['a.test']))
    expect((await again()).accountId).toBe(accountId)
  })

  test('and of which one half is left is asked nothing for an account that never got a certificate', async () => {
    const { ca, again } = await withHalf()
    const before = ca.asked.length
    await expect(again()).rejects.toMatchObject({ code: 'CONFIG', message: expect.stringMatching(/^half of /) })
    expect(ca.asked).toHaveLength(before)
  })
})

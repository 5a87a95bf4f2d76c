import { describe, expect, test } from 'vitest'
import { openAnswers } from '../../../src/quickstart/answers.js'
import { chooseDefaults, chooseProfile } from '../../../src/quickstart/conf-target.js'
import { responses } from '../../../src/state/responses.js'
import { listeningLog } from '../../contract/provider-contract.js'

const CA = 'https://ca.test/directory'
const choose = (text: string, answers: Readonly<Record<string, string>> = {}): Promise<string> =>
  chooseDefaults({
    text,
    answers: openAnswers(
      responses(new Map(Object.entries({ 'acmetool-quickstart-choose-server': CA, ...answers }))),
      undefined,
    ),
    log: listeningLog([]),
    expert: false,
    check: async () => {},
  })

describe('conf/target', () => {
  test.each([
    ['', `request:\n  provider: ${CA}\n  key:\n    type: ecdsa\n`],
    ['# nothing yet\n', `# nothing yet\n\nrequest:\n  provider: ${CA}\n`],
    ['request:\n', `request:\n  provider: ${CA}\n`],
    [
      'priority: 3 # low\nunknown: {a: [1, 2]}\n',
      `priority: 3 # low\nunknown: {a: [1, 2]}\nrequest:\n  provider: ${CA}\n`,
    ],
    [
      `request:\n  provider: https://other.test/ # old\n  names: []\n`,
      `request:\n  provider: ${CA} # old\n  names: []\n`,
    ],
    // as acmetool wrote it once: at the root it counts only while request.provider is not there
    ['provider: https://other.test/d\n', `provider: https://other.test/d\nrequest:\n  provider: ${CA}\n`],
  ])('%j', async (before, after) => {
    expect(await choose(before)).toBe(after)
  })

  test.each([
    `request:   {provider: "${CA}"}   # as it is\n`,
    `provider: ${CA}\n`,
    `request:\n  provider: ${CA}\n  key: {type: rsa, rsa-size: 4096}\n`,
  ])('%j has it all, and stays byte by byte', async text => {
    expect(await choose(text)).toBe(text)
    const answers: Record<string, string> = text.includes('rsa') ? { 'acmetool-quickstart-rsa-key-size': '4096' } : {}
    expect(await choose(text, answers)).toBe(text)
  })

  test('another spelling of the same CA is the same CA', async () => {
    const text = 'request:\n  provider: https://ca.test\n'
    expect(await choose(text, { 'acmetool-quickstart-choose-server': 'https://ca.test/' })).toBe(text)
  })

  test.each([
    'request: &r\n  provider: https://a.test/d\n  provider: https://b.test/d\n',
    'x: &key {type: rsa}\nrequest:\n  key: *key\n',
  ])('what cannot be edited is said, with what to write: %j', async text => {
    await expect(choose(text, { 'acmetool-quickstart-key-type': 'ecdsa' })).rejects.toMatchObject({
      code: 'CONFIG',
      hint: expect.stringContaining(`provider: ${CA}`),
    })
  })

  test('a broken file is an error with its line', async () => {
    await expect(choose('request:\n  provider: [\n')).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/^conf\/target:\d+: /),
    })
  })
})

describe('the profile in conf/target', () => {
  const choose = (text: string, said: string | undefined) => {
    const answers = openAnswers(responses(new Map()), undefined)
    return chooseProfile(text, { ...answers, choice: async () => said }, { classic: '', short: '' })
  }

  test.each([
    ['', 'short', 'request:\n  profile: short\n'],
    ['request:\n  profile: classic # ours\n', 'short', 'request:\n  profile: short # ours\n'],
    ['request:\n  profile: short\n  partial: true\n', '', 'request:\n  partial: true\n'],
    ['request:\n  profile: {required: short}\n', 'short', 'request:\n  profile: {required: short}\n'],
    ['request:\n  profile: {required: short}\n', 'classic', 'request:\n  profile: classic\n'],
    ['request:\n  profile: gone\n  partial: true\n', '', 'request:\n  partial: true\n'],
    ['request:\n  profile: {required: gone}\n', '', 'request: {}\n'],
    ['request:\n  profile: gone\n', undefined, 'request:\n  profile: gone\n'],
    ['request:\n  profile: short\n', undefined, 'request:\n  profile: short\n'],
  ])('%j, answered %j: %j', async (before, said, after) => {
    expect(await choose(before, said)).toBe(after)
  })
})

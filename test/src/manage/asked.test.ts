import { beforeEach, describe, expect, test } from 'vitest'
import { parseTarget } from '../../../src/config/target-file.js'
import { isStaging, stagingOf } from '../../../src/core/staging.js'
import { type Asked, keyKind, stagingFor, targetText } from '../../../src/manage/asked.js'
import { addWanted, wantedTarget } from '../../../src/manage/desired.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { names } from '../../fakes/held.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const REAL = 'https://acme-v02.api.letsencrypt.org/directory'
const STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory'

describe('what `want` is told beside the names', () => {
  test.each<[string, Asked, object]>([
    ['nothing', {}, { ca: REAL, key: { type: 'ecdsa', curve: 'nistp256' }, requiredKeyType: undefined }],
    ['RSA', { key: keyKind('rsa4096') }, { key: { type: 'rsa', rsaBits: 4096 }, requiredKeyType: 'rsa' }],
    ['P-384', { key: keyKind('ECDSA-P384') }, { key: { type: 'ecdsa', curve: 'nistp384' }, requiredKeyType: 'ecdsa' }],
    ['a key', { keyId: 'abc' }, { key: { id: 'abc' }, requiredKeyType: undefined }],
    ['staging', { ca: STAGING }, { ca: STAGING }],
    ['all', { ca: STAGING, key: keyKind('rsa2048'), keyId: 'abc' }, { ca: STAGING, key: { rsaBits: 2048, id: 'abc' } }],
  ])('%s is read from the target file as it was meant', (_, asked, expected) => {
    const { target, warnings } = parseTarget({ file: 'f', text: targetText(names('*.a.test', 'a.test'), asked) })
    expect(target).toMatchObject({ names: ['*.a.test', 'a.test'], ...expected })
    expect(warnings).toEqual([])
  })

  test('another kind of key is refused with all that there are', () => {
    expect(() => keyKind('rsa1024')).toThrow(
      '--key-type rsa1024: there are ecdsa-p256, ecdsa-p384, rsa2048, rsa3072, rsa4096',
    )
  })

  test.each([
    [REAL, STAGING],
    ['https://ACME-v02.api.letsencrypt.org:443/directory', STAGING],
    [STAGING, STAGING],
    ['https://ca.test/dir', undefined],
  ])('the staging system of %s', (ca, staging) => {
    expect(stagingOf(ca)).toBe(staging)
    if (staging === undefined) expect(() => stagingFor({ ca })).toThrow(`no staging system of the CA ${ca} is known`)
    else expect(stagingFor({ ca })).toBe(staging)
    expect(isStaging(ca)).toBe(ca === STAGING)
  })
})

describe('a target that has the names already', () => {
  let fake: StateWorld
  let state: StateDir
  beforeEach(async () => {
    fake = stateWorld()
    state = await StateDir.open(fake.world, '/s')
    await state.conform()
  })
  const want = (asked: Asked = {}) => addWanted(fake.world, state, names('a.test'), asked)
  const text = (): string => state.targetText(state.targets().targets[0]?.file ?? '')

  test('is taken when it says the same, and refused when it says otherwise, with nothing changed', async () => {
    await want({ key: keyKind('rsa3072') })
    const before = fake.files.changes
    await want({ key: keyKind('rsa3072') })
    await want()
    await expect(want({ key: keyKind('rsa4096') })).rejects.toThrow('already, with another type of key')
    await expect(want({ keyId: 'abc' })).rejects.toThrow('already, with another key')
    await expect(want({ ca: STAGING })).rejects.toThrow(`already, at ${REAL}`)
    expect(fake.files.changes).toBe(before)
  })

  test('for staging is made a real one by wanting it without, and keeps the rest', async () => {
    await want({ ca: STAGING, key: keyKind('rsa3072') })
    await want()
    expect(text()).toBe(targetText(names('a.test'), { key: keyKind('rsa3072') }))
    expect(fake.said).toEqual([expect.stringMatching(/^notice: .* asked for at https:\/\/acme-v02/)])
    await state.removeTarget(state.targets().targets[0]?.file ?? '')
    await want({ ca: STAGING })
    await want()
    expect(text()).toBe(targetText(names('a.test'), {}))
  })

  test('for staging in words of somebody else is left to that person', async () => {
    fake.files.put('/s/desired/a.test', `request: {provider: '${STAGING}'}\n`)
    await expect(want()).rejects.toThrow('at the staging CA')
  })

  test.each([
    ['a real certificate', `https://ca.test/1`, undefined, true],
    ['one of staging', 'https://ca.test/2', 'acme-staging-v02.api.letsencrypt.org%2fdirectory', false],
  ])('names with %s that is live: staging is refused, or not', async (_, url, server, refused) => {
    fake.time = new Date('2026-02-01T00:00:00Z')
    const key = ecKey()
    await state.addKey(key)
    const accountId = server && (await state.addAccount(STAGING, ecKey()))
    const id = await state.addOrder({ url, accountId, keyId: key.id })
    await state.storeCertificate(id, await selfSigned(key, ['a.test'], { issuer: 'CN=CA' }))
    await state.pointLive('a.test', id)
    const ask = () => wantedTarget(fake.world, state, names('a.test', 'b.test'), { ca: STAGING })
    if (refused) expect(ask).toThrow('a.test: a certificate of CN=CA is live until 2026-04-01')
    else expect(ask().there).toEqual([])
  })
})

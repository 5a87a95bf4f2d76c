import { beforeEach, describe, expect, test } from 'vitest'
import { parseReason, requestRevocation, revoke } from '../../../src/renew/revoke.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { type CaWorld, caWorld } from '../../fakes/authorities.js'
import { problem } from '../../fakes/ca.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { day } from '../../fakes/held.js'

describe('parseReason', () => {
  test.each([
    ['keyCompromise', 1],
    ['key-compromise', 1],
    ['KEYCOMPROMISE', 1],
    ['superseded', 4],
    ['0', 0],
    ['5', 5],
  ])('%s is %d', (text, reason) => {
    expect(parseReason(text)).toBe(reason)
  })

  test.each(['', '2', '6', '9', '01', 'certificateHold'])('%j is none', text => {
    expect(() => parseReason(text)).toThrow(/there is no reason/)
  })
})

describe('with a state directory', () => {
  let it: CaWorld
  const account = ecKey()
  const key = ecKey()
  /** What the CA was sent: kind of signer, and reason. */
  let revocations: { by: 'account' | 'key'; reason: unknown }[]

  beforeEach(async () => {
    it = await caWorld(day('2026-06-01'))
    revocations = []
    it.ca.always('/revoke-cert', ({ protected: { jwk }, payload }) => {
      revocations.push({ by: jwk ? 'key' : 'account', reason: payload?.reason })
      return {}
    })
    await it.state.addKey(key)
  })

  async function certificate(
    url: string,
    options: { account?: boolean; notAfter?: Date; fetched?: boolean } = {},
  ): Promise<Certificate> {
    const { account: withAccount = true, notAfter = day('2026-08-01'), fetched = true } = options
    const accountId = withAccount ? await it.state.addAccount(it.ca.directoryUrl, account) : undefined
    const id = await it.state.addOrder({ url, accountId, keyId: key.id })
    if (fetched) await it.state.storeCertificate(id, await selfSigned(key, ['a.test'], { notAfter }))
    return it.state.certificates().find(c => c.id === id) as Certificate
  }

  const marked = () => it.state.certificates().flatMap(c => (c.revokeWanted ? [c.url] : []))

  test('the id of a certificate marks it, that of a key all with it; a reason is kept', async () => {
    const one = await certificate('https://ca.test/1')
    await certificate('https://ca.test/2')
    expect(await requestRevocation(it, one.id, 4)).toBe(1)
    expect(marked()).toEqual(['https://ca.test/1'])
    expect(it.state.revocationReason(one.id)).toBe(4)
    expect(await requestRevocation(it, key.id)).toBe(2)
    expect(marked()).toHaveLength(2)
  })

  test('what is revoked or expired is left alone, and said', async () => {
    const revoked = await certificate('https://ca.test/1')
    await it.state.markRevoked(revoked.id)
    await certificate('https://ca.test/2', { notAfter: day('2026-05-31') })
    expect(await requestRevocation(it, key.id)).toBe(0)
    expect(marked()).toEqual([])
    expect(it.fake.said).toEqual([`notice: ${key.id} is revoked or expired already`])
  })

  test('other words are refused; the name of a link gets its id told', async () => {
    const { id } = await certificate('https://ca.test/1')
    await it.state.pointLive('a.test', id)
    await expect(requestRevocation(it, 'a.test')).rejects.toMatchObject({
      code: 'USAGE',
      hint: `live/a.test is the certificate ${id}`,
    })
    await expect(requestRevocation(it, '/etc/passwd')).rejects.toMatchObject({ code: 'USAGE' })
    const half = await certificate('https://ca.test/2', { fetched: false })
    await expect(requestRevocation(it, half.id)).rejects.toThrow('not downloaded yet')
  })

  test('the CA is asked by the account, with the reason', async () => {
    const one = await certificate('https://ca.test/1')
    await requestRevocation(it, one.id, 1)
    await revoke(it, one)
    expect(revocations).toEqual([{ by: 'account', reason: 1 }])
  })

  test('by the certificate’s own key, when the account may not, or is not here', async () => {
    const one = await certificate('https://ca.test/1')
    it.ca.next('/revoke-cert', problem('unauthorized', 'not yours'))
    await revoke(it, one)
    const orphan = await certificate('https://ca.test/2', { account: false })
    await revoke(it, orphan)
    expect(revocations).toEqual([
      { by: 'key', reason: undefined },
      { by: 'key', reason: undefined },
    ])
  })

  test('a target tells the CA, when no account does', async () => {
    const orphan = await certificate('https://ca.test/2', { account: false })
    expect(it.state.accounts()).toEqual([])
    await expect(revoke(it, orphan)).rejects.toMatchObject({
      code: 'STATE',
      message: expect.stringMatching(/CA is not known/),
    })
    await it.state.writeTarget('a.test', '')
    await revoke(it, orphan)
    expect(revocations).toEqual([{ by: 'key', reason: undefined }])
  })

  test('without account and key nothing can be done', async () => {
    const orphan = await certificate('https://ca.test/2', { account: false })
    await it.state.removeKey(key.id)
    const now = it.state.certificates().find(c => c.id === orphan.id) as Certificate
    await expect(revoke(it, now)).rejects.toMatchObject({ code: 'STATE', message: expect.stringMatching(/neither/) })
  })
})

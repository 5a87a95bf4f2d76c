import { beforeEach, describe, expect, test } from 'vitest'
import type { Target } from '../../../src/core/target.js'
import type { IssueParts } from '../../../src/renew/issue.js'
import { resume } from '../../../src/renew/resume.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { createCsr } from '../../../src/x509/csr.js'
import { readCsr } from '../../../src/x509/read-csr.js'
import { type CaWorld, caWorld } from '../../fakes/authorities.js'
import { problem, type Reply } from '../../fakes/ca.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { day, names, target } from '../../fakes/held.js'

const url = 'https://ca.test/order/1'
const pemChain = { 'content-type': 'application/pem-certificate-chain' }

/** 1.3.6.1.5.5.7.1.24 in DER (RFC 7633 §6). */
const tlsFeature = Buffer.from('06082b06010505070118', 'hex')

const order = (status: string): Reply => ({
  body: {
    status,
    identifiers: [{ type: 'dns', value: 'a.test' }],
    authorizations: [],
    finalize: 'https://ca.test/finalize/1',
    ...(status === 'valid' && { certificate: 'https://ca.test/certificate/1' }),
  },
})

describe('an order that was left', () => {
  let it: CaWorld
  let pem: string
  const key = ecKey()
  const account = ecKey()

  beforeEach(async () => {
    it = await caWorld(day('2026-06-01'))
    pem = (await selfSigned(key, ['a.test'], { notAfter: day('2026-08-01') })).cert
    it.ca.always('/certificate/1', { headers: pemChain, body: pem })
    await it.state.addKey(key)
  })

  /** As `link` says: with the link to its key, as we make it, or without, as acmetool does; with its account, or without. */
  async function left(links: { key?: boolean; account?: boolean } = {}): Promise<Certificate> {
    const accountId = await it.state.addAccount(it.ca.directoryUrl, account)
    const id = await it.state.addOrder({
      url,
      accountId: links.account === false ? undefined : accountId,
      keyId: links.key === false ? 'none' : key.id,
    })
    if (links.key === false) await it.fake.files.remove(`/s/certs/${id}/privkey`)
    return it.state.certificates().find(c => c.id === id) as Certificate
  }

  const resumed = async (certificate: Certificate) => (await resume(it as unknown as IssueParts, certificate)).id
  const now = () => it.state.certificates()[0]

  test.each(['ready', 'processing', 'valid'])(
    'that is %s is completed for the request of somebody else',
    async status => {
      const der = createCsr(key, names('a.test'), { mustStaple: false })
      const csr = { path: 'x', ...readCsr(der) }
      await it.state.removeKey(key.id)
      const certificate = await left({ key: false })
      const sent: unknown[] = []
      it.ca.always('/order/1', order('valid'))
      it.ca.next('/order/1', order(status))
      it.ca.always('/finalize/1', ({ payload }) => {
        sent.push(payload?.csr)
        return order('valid')
      })
      const done = await resume(it as unknown as IssueParts, certificate, [target('t', ['a.test'], { csr })])
      expect(done.id).toBe(certificate.id)
      expect(sent).toEqual(status === 'ready' ? [csr.der] : [])
      expect(now()).toMatchObject({ complete: true, hasKey: false, facts: { keyId: key.id } })
      expect(it.fake.said).toEqual([])
    },
  )

  test.each([{}, { key: false }])(
    'is downloaded with the chain that its target prefers, with links %j',
    async links => {
      const other = (await selfSigned(key, ['a.test'], { notAfter: day('2026-08-01'), issuer: 'CN=Root Y' })).cert
      const link = '<https://ca.test/certificate/1/1>;rel="alternate"'
      it.ca.always('/order/1', order('valid'))
      it.ca.always('/certificate/1', { headers: { ...pemChain, link }, body: pem })
      it.ca.always('/certificate/1/1', { headers: pemChain, body: other })
      const wants = target('t', ['a.test'], { chain: 'Root Y' })
      await resume(it as unknown as IssueParts, await left(links), [target('u', ['b.test'], { chain: 'Z' }), wants])
      expect(now()?.facts?.issuer).toBe('CN=Root Y')
    },
  )

  test.each([
    ['ready', {}],
    ['valid', {}],
    ['processing', {}],
    ['valid', { key: false }],
    ['processing', { key: false }],
    ['valid', { account: false }],
  ] as const)('that is %s is completed, with links %j', async (status, links) => {
    it.ca.always('/order/1', order('valid'))
    it.ca.next('/order/1', order(status))
    it.ca.always('/finalize/1', order('valid'))
    const certificate = await left(links)
    expect(await resumed(certificate)).toBe(certificate.id)
    expect(now()).toMatchObject({ complete: true, keyId: key.id, hasKey: true })
    expect(it.fake.said).toEqual([])
  })

  test.each([
    [
      'as the target of these names asks for it',
      [{ names: ['a.test'], requestNames: ['a.test'], mustStaple: true }],
      true,
    ],
    ['not for the target of other names', [{ names: ['b.test'], requestNames: ['b.test'], mustStaple: true }], false],
    ['not when no target is left', [], false],
  ])('that is ready is finalized with must-staple %s', async (_, targets, wanted) => {
    let request: Buffer | undefined
    it.ca.always('/order/1', order('valid'))
    it.ca.next('/order/1', order('ready'))
    it.ca.always('/finalize/1', ({ payload }) => {
      request = Buffer.from(String(payload?.csr), 'base64url')
      return order('valid')
    })
    await resume(it as unknown as IssueParts, await left(), targets as unknown as Target[])
    expect(request?.includes(tlsFeature)).toBe(wanted)
  })

  test('whose url is that of the certificate itself is completed', async () => {
    it.ca.always('/order/1', { headers: pemChain, body: pem })
    await resumed(await left({ key: false }))
    expect(now()).toMatchObject({ complete: true, keyId: key.id })
  })

  test('whose key has gone is downloaded all the same', async () => {
    it.ca.always('/order/1', order('valid'))
    const certificate = await left({ key: false })
    await it.state.removeKey(key.id)
    expect(await resumed(certificate)).toBe(certificate.id)
    expect(now()).toMatchObject({ complete: true, hasKey: false })
  })

  test.each([
    ['is invalid', order('invalid'), {}, 'it is invalid'],
    ['was never proved', order('pending'), {}, 'it is pending'],
    ['is forgotten', problem('malformed', 'no such order', 404), {}, 'the CA does not know it'],
    ['is ready, but for which key?', order('ready'), { key: false }, 'its private key is not in keys/'],
  ] as const)('that %s is dropped', async (_, reply, links, why) => {
    it.ca.always('/order/1', reply)
    expect(await resumed(await left(links))).toBeUndefined()
    expect(it.fake.said).toEqual([`warn: the interrupted order ${url} is dropped: ${why}`])
    expect(it.state.certificates()).toEqual([])
  })

  test.each([
    ['its account is gone and no other may see it', problem('unauthorized', 'not yours', 403), { account: false }],
    ['its account is gone and no other knows it', problem('malformed', 'no such order', 404), { account: false }],
    ['the CA says no for now', problem('unauthorized', 'not today', 403), {}],
  ] as const)('waits when %s', async (_, reply, links) => {
    it.ca.always('/order/1', reply)
    expect(await resumed(await left(links))).toBeUndefined()
    expect(it.fake.said).toEqual([expect.stringMatching(/waits for the next run/)])
    expect(now()?.url).toBe(url)
  })

  test('waits when no account is here at all', async () => {
    const certificate = { ...(await left({ account: false })) }
    await it.fake.files.remove(`/s/accounts/ca.test%2fdirectory/${account.id}/privkey`)
    await it.fake.files.remove(`/s/accounts/ca.test%2fdirectory/${account.id}`)
    expect(await resumed(certificate)).toBeUndefined()
    expect(it.fake.said).toEqual([expect.stringMatching(/none of the 0 accounts/)])
    expect(it.ca.asked).toEqual([])
  })
})

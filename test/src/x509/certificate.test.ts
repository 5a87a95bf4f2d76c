import { webcrypto, X509Certificate } from 'node:crypto'
import * as x509 from '@peculiar/x509'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import type { Name } from '../../../src/core/names.js'
import { checkIssued, readCertificate, splitPems } from '../../../src/x509/certificate.js'
import { generateKey, parseKey } from '../../../src/x509/keys.js'
import { DAY, makeCertificate, makeChain } from './made.js'

const asked = ['www.example.com', '*.example.com'] as Name[]
const { root, intermediate, leaf } = await makeChain([...asked, '192.0.2.1'])
const keyId = parseKey(leaf.keyPem).id

/** An RSA one whose end needs GeneralizedTime (RFC 5280 §4.1.2.5), without extensions. */
async function rsaUntil2051(): Promise<string> {
  const algorithm = {
    name: 'RSASSA-PKCS1-v1_5',
    hash: 'SHA-256',
    publicExponent: Uint8Array.of(1, 0, 1),
    modulusLength: 2048,
  }
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'C=DE, O=Büro, CN=old',
    notBefore: DAY.from,
    notAfter: new Date('2051-06-01T12:30:45Z'),
    keys: (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair,
    signingAlgorithm: algorithm,
  })
  return certificate.toString('pem')
}

describe('readCertificate', () => {
  test('says what node says', () => {
    const facts = readCertificate(leaf.pem)
    const node = new X509Certificate(leaf.pem)
    expect(facts).toEqual({
      names: asked,
      notBefore: DAY.from,
      notAfter: DAY.to,
      keyId,
      keyType: 'ecdsa',
      issuer: 'CN=Intermediate',
      subject: 'CN=www.example.com',
      serial: '0087654321',
      selfSigned: false,
      authorityKeyId: expect.stringMatching(/^[0-9a-f]{40}$/),
    })
    expect(new Date(node.validTo)).toEqual(facts.notAfter)
    expect(readCertificate(leaf.der)).toEqual(facts)
    expect(readCertificate(Buffer.from(`noise\n${leaf.pem}${root.pem}`))).toEqual(facts)
  })

  test('knows a self-signed one, RSA, and one without names', async () => {
    expect(readCertificate(root.pem)).toMatchObject({ selfSigned: true, names: [], subject: 'CN=Root' })
    expect(readCertificate(await rsaUntil2051())).toMatchObject({
      keyType: 'rsa',
      notAfter: new Date('2051-06-01T12:30:45Z'),
      subject: 'C=DE, O=Büro, CN=old',
      authorityKeyId: undefined,
    })
  })

  test('shows control characters of a name as U+FFFD', async () => {
    const { pem } = await makeCertificate({ subject: 'CN=a\u001b[31mb' })
    expect(readCertificate(pem).subject).toBe('CN=a\ufffd[31mb')
  })

  test.each([
    ['nothing', '', /no PEM certificate/],
    ['a key', leaf.keyPem, /no PEM certificate/],
    ['a cut one', leaf.der.subarray(0, -1), /longer than what holds it/],
    ['bytes after it', Buffer.concat([leaf.der, Buffer.from([0])]), /1 bytes follow/],
    ['another structure', Uint8Array.of(0x30, 0x03, 0x02, 0x01, 0x05), /tbsCertificate/],
  ])('refuses %s as STATE', (_what, input, message) => {
    expect(() => readCertificate(input)).toThrow(message)
    expect(() => readCertificate(input)).toThrow(expect.objectContaining({ code: 'STATE' }))
  })

  test('refuses a date that no calendar has', () => {
    const at = Buffer.from(leaf.der).indexOf('261101000000Z')
    const bytes = Buffer.from(leaf.der)
    bytes.write('260231000000Z', at)
    expect(() => readCertificate(bytes)).toThrow('260231000000Z is not a date')
  })

  const survives = (bytes: Uint8Array): void => {
    try {
      readCertificate(bytes)
    } catch (error) {
      if (!(error instanceof Dns01Error)) throw error
    }
  }

  test('throws nothing but Dns01Error, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), bytes => survives(Uint8Array.of(0x30, ...bytes))),
      { numRuns: 2000 },
    )
  })

  test('throws nothing but Dns01Error for a certificate with some bytes changed or cut', () => {
    const change = fc.tuple(fc.nat(leaf.der.length - 1), fc.nat(255))
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.nat(leaf.der.length), (changes, cut) => {
        const bytes = Uint8Array.from(leaf.der)
        for (const [at, value] of changes) bytes[at] = value
        survives(bytes)
        survives(bytes.subarray(0, cut))
      }),
      { numRuns: 5000 },
    )
  })
})

describe('splitPems', () => {
  test('brings line ends and columns in order and drops what is between certificates', () => {
    const ugly = `subject=x\r\n${leaf.pem.replaceAll('\n', '\r\n')}\r\nissuer\n${root.pem.replace(/\n(?=[^-])/g, ' ')}`
    const [first, second, ...more] = splitPems(ugly)
    expect(more).toEqual([])
    expect(first).toMatch(
      /^-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/]{64}\n)+[A-Za-z0-9+/=]{1,64}\n-----END CERTIFICATE-----\n$/,
    )
    expect(readCertificate(first ?? '').keyId).toBe(keyId)
    expect(readCertificate(second ?? '').subject).toBe('CN=Root')
    expect(splitPems('none')).toEqual([])
  })
})

describe('checkIssued', () => {
  const want = { keyId, names: asked, now: DAY.now }

  test('finds the first certificate, whatever was read before', () => {
    readCertificate(`${'\n'.repeat(5000)}${leaf.pem}${root.pem}`)
    expect(checkIssued(leaf.pem + intermediate.pem, want).cert).toBe(splitPems(leaf.pem)[0])
  })

  test('parts a good answer into certificate and chain', () => {
    const issued = checkIssued(leaf.pem + intermediate.pem + root.pem, want)
    expect(splitPems(issued.cert)).toHaveLength(1)
    expect(splitPems(issued.chain).map(pem => readCertificate(pem).subject)).toEqual(['CN=Intermediate', 'CN=Root'])
    expect(issued.cert).toBe(splitPems(leaf.pem)[0])
  })

  test('takes a leaf alone: a CA may leave its trust anchor out (RFC 8555 §9.1)', () => {
    expect(checkIssued(leaf.pem, want).chain).toBe('')
  })

  test.each<[string, string[], string[]]>([
    ['the bare name of a wildcard', ['*.a.test', 'a.test'], ['*.a.test']],
    ['www. before a name', ['a.test', 'www.a.test'], ['a.test']],
    ['the name behind www.', ['www.a.test', 'a.test'], ['www.a.test']],
    ['anything, where nobody knows what was asked for', ['a.test', 'b.test'], []],
  ])('takes what a CA adds: %s', async (_what, has, wanted) => {
    const made = await makeCertificate({ subject: 'CN=x', names: has })
    const { keyId: id } = readCertificate(made.pem)
    expect(checkIssued(made.pem, { keyId: id, names: wanted as Name[], now: DAY.now }).chain).toBe('')
  })

  test.each<[string[], string[], string]>([
    [['a.test', 'b.test'], ['a.test'], 'b.test'],
    [['a.test', '*.a.test'], ['a.test'], '*.a.test'],
    [['www.a.test', 'test'], ['www.a.test'], 'test'],
    [['*.a.test', 'x.a.test'], ['*.a.test'], 'x.a.test'],
  ])('refuses a certificate for %j where %j was asked for', async (has, wanted, strange) => {
    const made = await makeCertificate({ subject: 'CN=x', names: has })
    const { keyId: id } = readCertificate(made.pem)
    expect(() => checkIssued(made.pem, { keyId: id, names: wanted as Name[], now: DAY.now })).toThrow(
      `it is also for ${strange}, which nobody asked for`,
    )
  })

  test('does not mind a clock that is slow: the CA would have to be asked again and again', () => {
    const slow = new Date(DAY.from.getTime() - 3_600_000)
    expect(checkIssued(leaf.pem, { ...want, now: slow }).cert).not.toBe('')
  })

  test.each<[string, string, Partial<typeof want>, RegExp]>([
    ['no PEM', '<html>', {}, /no PEM certificate/],
    [
      'rubbish in PEM',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      {},
      /certificate 1 is not a DER/,
    ],
    ['another key', leaf.pem + intermediate.pem, { keyId: 'x' }, /for another key/],
    ['the root first', root.pem + intermediate.pem + leaf.pem, {}, /wrong order, ours is number 3/],
    ['a missing name', leaf.pem + intermediate.pem, { names: [...asked, 'b.test' as Name] }, /lacks b\.test/],
    [
      'a time long before',
      leaf.pem + intermediate.pem,
      { now: new Date('2026-10-30T23:59:59Z') },
      /not valid before 2026-11-01/,
    ],
    ['a time after', leaf.pem + intermediate.pem, { now: DAY.to }, /expired on 2027-01-30/],
    ['a gap in the chain', leaf.pem + root.pem, {}, /"CN=Root" did not sign "CN=www\.example\.com"/],
    ['issuers in the wrong order', leaf.pem + root.pem + intermediate.pem, {}, /does not link up/],
  ])('refuses %s', (_what, chain, change, message) => {
    const attempt = () => checkIssued(chain, { ...want, ...change })
    expect(attempt).toThrow(message)
    expect(attempt).toThrow(expect.objectContaining({ code: 'REFUSED' }))
  })

  test('refuses an issuer of the right name whose key did not sign', async () => {
    const impostor = await makeCertificate({ subject: 'CN=Intermediate', ca: true })
    expect(() => checkIssued(leaf.pem + impostor.pem, want)).toThrow(/does not link up/)
  })

  test('refuses an issuer that is not a CA', async () => {
    const noCa = await makeCertificate({ subject: 'CN=Plain' })
    const below = await makeCertificate({ subject: 'CN=a.test', issuer: noCa, names: ['a.test'] })
    const key = await generateKey({ type: 'ecdsa', curve: 'nistp256', rsaBits: 2048 })
    expect(key.id).not.toBe(parseKey(below.keyPem).id)
    const wanted = { keyId: parseKey(below.keyPem).id, names: ['a.test'] as Name[], now: DAY.now }
    expect(() => checkIssued(below.pem + noCa.pem, wanted)).toThrow(/"CN=Plain" did not sign/)
  })

  test('refuses a certificate with a flipped bit in its signature', () => {
    const bytes = Uint8Array.from(leaf.der)
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1
    const pem = `-----BEGIN CERTIFICATE-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE-----\n`
    expect(() => checkIssued(pem + intermediate.pem, want)).toThrow(/does not link up/)
  })
})

test('reading the first of a chain leaves nothing behind for who splits one next', () => {
  const chain = leaf.pem + intermediate.pem
  for (let i = 0; i < 2; i++) {
    expect(readCertificate(chain)).toEqual(readCertificate(leaf.pem))
    expect(splitPems(leaf.pem)).toHaveLength(1)
    expect(splitPems(chain)).toHaveLength(2)
  }
})

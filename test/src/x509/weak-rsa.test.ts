// Moduli that can be factored: made here by the recipes of their faults, since real ones are somebody's.
import { checkPrimeSync, createPublicKey, generateKeyPairSync, generatePrimeSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { readCsr } from '../../../src/x509/read-csr.js'
import { weaknessOfModulus } from '../../../src/x509/weak-rsa.js'
import { csrOf, rsaKey } from '../../fakes/csr.js'

const base64url = (n: bigint): string => {
  const hex = n.toString(16)
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url')
}

/** Infineon's primes are k·M + (65537^a mod M), M being the product of the first primes; their product has that form, too. */
function rocaModulus(): bigint {
  const primes = Array.from({ length: 166 }, (_, i) => i + 2).filter(n => checkPrimeSync(BigInt(n)))
  const m = primes.reduce((product, p) => product * BigInt(p), 1n)
  let power = 1n
  for (let i = 0; i < 12_345; i++) power = (power * 65_537n) % m
  const k = (1n << 2047n) / m + 1n
  return k * m + power
}

/** The next prime is a few hundred further on. */
function closePrimes(): bigint {
  let p = 0n
  while (p >> 1022n !== 3n) p = generatePrimeSync(1024, { bigint: true, add: 2n, rem: 1n }) // else 2047 bits come of it
  let q = p + 2n
  while (!checkPrimeSync(q)) q += 2n
  return p * q
}

test.each([
  ['ROCA', rocaModulus(), /fault ROCA/],
  ['close primes', closePrimes(), /close to each other/],
])('%s is found, also in a request', (_, modulus, message) => {
  expect(weaknessOfModulus(modulus)).toMatch(message)
  const publicKey = createPublicKey({ format: 'jwk', key: { kty: 'RSA', n: base64url(modulus), e: 'AQAB' } })
  const der = csrOf({ key: rsaKey(2048), publicKey, names: ['a.test'] })
  expect(() => readCsr(der)).toThrow(
    expect.objectContaining({ code: 'CONFIG', message: expect.stringMatching(message) }),
  )
})

test.each([2048, 2056, 3072])('nothing is found in a key of %d bits as OpenSSL makes it', bits => {
  const { n = '' } = generateKeyPairSync('rsa', { modulusLength: bits }).publicKey.export({ format: 'jwk' })
  expect(weaknessOfModulus(BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`))).toBeUndefined()
})

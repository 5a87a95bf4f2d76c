// RSA keys that look long enough and can be factored all the same. CAs must refuse them (Baseline Requirements §6.1.1.3), and
// they come from where requests of others come from: smart cards, TPMs, printers. The keys that Debian made from 2006 to 2008
// (CVE-2008-0166) are told by lists only, which CAs have.

/** Why nobody may use this modulus; undefined: neither of the two is the case. Costs two milliseconds for 2048 bits, nine for 4096. */
export function weaknessOfModulus(modulus: bigint): string | undefined {
  if (isRoca(modulus)) return 'was made by a chip with the fault ROCA (CVE-2017-15361)'
  if (hasClosePrimes(modulus)) return 'has two primes that are close to each other (CVE-2022-26320)'
  return undefined
}

/** The odd primes up to 167: all that Infineon's library used for keys of 512 bits, and the first of those for longer ones. */
const PRIMES: readonly bigint[] = Array.from({ length: 166 }, (_, i) => BigInt(i + 2)).filter(
  n => n > 2n && !Array.from({ length: 11 }, (_, i) => BigInt(i + 2)).some(d => d < n && n % d === 0n),
)

/** What the powers of 65537 leave, divided by p. */
function powersOf65537(p: bigint): Set<bigint> {
  const found = new Set<bigint>()
  for (let power = 1n; !found.has(power); power = (power * 65_537n) % p) found.add(power)
  return found
}

/** Made at the first RSA request: nearly all runs see none. */
let powers: ReadonlyMap<bigint, ReadonlySet<bigint>> | undefined

/**
 * Both primes of such a key, and so its modulus, are powers of 65537 by all of those small primes at once (Nemec et al.,
 * "The Return of Coppersmith's Attack", §2.4), which happens to no other key.
 */
function isRoca(modulus: bigint): boolean {
  powers ??= new Map(PRIMES.map(p => [p, powersOf65537(p)]))
  return [...powers].every(([p, all]) => all.has(modulus % p))
}

/** As many as the Baseline Requirements ask for. */
const fermatRounds = 100

/** Fermat: n = a² − b² with `a` next to the root, where the primes are next to it. Rounded up: a² must not be less than n. */
function hasClosePrimes(modulus: bigint): boolean {
  let a = rootOf(modulus)
  if (a * a < modulus) a += 1n
  for (let round = 0; round < fermatRounds; round++, a += 1n) {
    const rest = a * a - modulus
    if (mayBeSquare(rest) && rootOf(rest) ** 2n === rest) return true
  }
  return false
}

/** By its last six bits, which spares the root of four in five. */
const mayBeSquare = (n: bigint): boolean => [0, 1, 4, 9, 16, 17, 25, 33, 36, 41, 49, 57].includes(Number(n & 63n))

/** The whole part of the square root (Newton). */
function rootOf(n: bigint): bigint {
  if (n < 2n) return n
  let root = 1n << BigInt((n.toString(16).length * 4 + 1) >> 1) // no smaller than the root
  for (;;) {
    const next = (root + n / root) >> 1n
    if (next >= root) return root
    root = next
  }
}

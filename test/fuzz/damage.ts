import fc from 'fast-check'

/** What happens to bytes on a bad disk, on the wire, or in the hands of somebody who means harm. */
export interface Edit {
  readonly what: 'put' | 'insert' | 'remove' | 'cut' | 'repeat'
  /** Where, as a share of 65,536 of the length. */
  readonly at: number
  readonly bytes: Uint8Array
  readonly times: number
}

/** Bytes that decoders stumble over: lengths of all kinds, pointers of DNS, tags and long lengths of DER, ends of text. */
const TRICKY = [
  '00',
  'ff',
  '7f',
  '80',
  'ffff',
  '0000',
  'c00c',
  'c000',
  '3080',
  '30 84 7f ff ff ff',
  '02 01',
  '0c',
  'efbbbf',
  '0d0a',
].map(hex => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex')))

/** `tokens`: pieces of this language. */
export function edits(tokens: readonly string[] = []): fc.Arbitrary<Edit[]> {
  const pieces = [...TRICKY, ...tokens.map(token => Uint8Array.from(Buffer.from(token)))]
  const bytes = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 4 }), fc.constantFrom(...pieces))
  const edit = fc.record({
    what: fc.constantFrom<Edit['what']>('put', 'put', 'put', 'insert', 'insert', 'remove', 'cut', 'repeat'),
    at: fc.nat(65_535),
    bytes,
    times: fc.oneof({ weight: 20, arbitrary: fc.nat(8) }, { weight: 1, arbitrary: fc.nat(3000) }),
  })
  return fc.array(edit, { maxLength: 10 })
}

export const damaged = (seed: Uint8Array, all: readonly Edit[]): Uint8Array => all.reduce(apply, seed)

/** No input grows beyond what a UDP packet or a file of this kind would ever be. */
const largest = 65_535

function apply(was: Uint8Array, { what, at, bytes, times }: Edit): Uint8Array {
  const from = Math.floor((at / 65_536) * (was.length + 1))
  const [before, after] = [was.subarray(0, from), was.subarray(from)]
  switch (what) {
    case 'put':
      return joined(before, bytes, after.subarray(bytes.length))
    case 'insert':
      return joined(before, bytes, after)
    case 'remove':
      return joined(before, after.subarray(times + 1))
    case 'cut':
      return before
    case 'repeat':
      return joined(before, ...Array.from({ length: times + 1 }, () => bytes), after)
  }
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(Buffer.concat(parts)).subarray(0, largest)

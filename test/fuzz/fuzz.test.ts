import { expect, test } from 'vitest'
import { thorough } from '../thorough.js'
import { FUZZERS, fuzz } from './main.js'

const standingSeed = 20_261_121
/** Set by `npm run fuzz`, which tries other seeds, and hears what is said line by line. */
const longRun = process.env.DNS01_FUZZ

if (longRun)
  test('a long run finds nothing', { timeout: 0 }, async () => {
    const say = (text: string): void => console.log(`say: ${JSON.stringify(text)}`)
    const begin = (name: string, seed: number): void => console.log(`round: --only '${name}' --seed ${seed}`)
    expect(await fuzz(JSON.parse(longRun), say, begin)).toBe(0)
  })
else
  for (const { name, standing, impossible, run } of FUZZERS) {
    const cases = thorough ? standing : Math.ceil(standing / 16)
    test.skipIf(impossible)(`${name} stands ${cases} made-up inputs`, async () => {
      expect(await run({ seed: standingSeed, cases })).toEqual({ cases })
    })
  }

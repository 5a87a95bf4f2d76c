// Which profile an order asks for, by what the target wants, what the CA's directory offers and what the CA then says.
import { expect, test } from 'vitest'
import type { Order } from '../../../src/acme/client.js'
import { problemError } from '../../../src/acme/problem.js'
import { codeOf, type Dns01Error } from '../../../src/core/errors.js'
import type { WantedProfile } from '../../../src/core/target.js'
import { orderByProfile } from '../../../src/renew/profile.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { target } from '../../fakes/held.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const offered = { classic: 'The usual', tlsserver: 'Smaller' }

interface Try {
  readonly profiles?: Readonly<Record<string, string>>
  /** What the CA says to an order with a profile. */
  readonly refuses?: string
}

/** A run of its own: what was asked for, and how it ended. */
async function run(fake: StateWorld, wish: WantedProfile | undefined, { profiles = offered, refuses }: Try = {}) {
  const state = await StateDir.open(fake.world, '/s')
  const parts = { world: fake.world, state, signal: new AbortController().signal }
  const asked: (string | undefined)[] = []
  const order = async (profile: string | undefined): Promise<Order> => {
    asked.push(profile)
    if (refuses !== undefined && (profile !== undefined || refuses === 'caa'))
      throw problemError({ type: `urn:ietf:params:acme:error:${refuses}`, detail: 'no' }, { what: 'newOrder' })
    return {} as Order
  }
  const client = { directory: async () => ({ profiles }) as never }
  const wants = target('t', ['www.test'], { profile: wish })
  const error: Dns01Error | undefined = await orderByProfile(parts, wants, client, order).then(
    () => undefined,
    (problem: Dns01Error) => problem,
  )
  return { asked, code: error && codeOf(error), message: error?.message ?? '', hint: error?.hint ?? '' }
}

const preferred = (name: string): WantedProfile => ({ name, required: false })
const required = (name: string): WantedProfile => ({ name, required: true })

test.each<[string, WantedProfile | undefined, Try, (string | undefined)[], RegExp[]]>([
  ['nothing is wanted: nothing is sent', undefined, {}, [undefined], []],
  ['preferred, and offered', preferred('tlsserver'), {}, ['tlsserver'], []],
  ['required, and offered', required('tlsserver'), {}, ['tlsserver'], []],
  [
    'preferred, and not offered: without',
    preferred('short'),
    {},
    [undefined],
    [/^notice: www\.test: the CA .* offers no profile "short"; .*\(it offers classic, tlsserver\)$/],
  ],
  ['a CA without profiles', preferred('short'), { profiles: {} }, [undefined], [/it offers no profiles at all/]],
  ['a name that every object has', preferred('constructor'), {}, [undefined], [/no profile "constructor"/]],
  ...['invalidProfile', 'unauthorized'].map(
    refuses =>
      [
        `preferred, and refused (${refuses}): once more without`,
        preferred('tlsserver'),
        { refuses },
        ['tlsserver', undefined],
        [/does not give this account the profile "tlsserver"/],
      ] as [string, WantedProfile, Try, (string | undefined)[], RegExp[]],
  ),
])('%s', async (_, wish, given, asked, said) => {
  const fake = stateWorld()
  expect(await run(fake, wish, given)).toMatchObject({ asked, code: undefined })
  expect(fake.said).toEqual(said.map(text => expect.stringMatching(text)))
})

test.each<[string, WantedProfile, Try, string, RegExp, (string | undefined)[]]>([
  ['not offered: nothing is ordered', required('short'), {}, 'CONFIG', /^desired\/t: .* offers no profile "short"/, []],
  [
    'refused for this account',
    required('tlsserver'),
    { refuses: 'unauthorized' },
    'REFUSED',
    /the profile "tlsserver", which desired\/t requires/,
    ['tlsserver'],
  ],
])('required and %s', async (_, wish, given, code, message, asked) => {
  const fake = stateWorld()
  const failed = await run(fake, wish, given)
  expect(failed).toMatchObject({ code, asked, hint: 'it offers classic, tlsserver' })
  expect(failed.message).toMatch(message)
  expect(fake.said).toEqual([])
})

test('what the CA refuses for another reason is not tried without the profile', async () => {
  const failed = await run(stateWorld(), preferred('tlsserver'), { refuses: 'caa' })
  expect(failed).toMatchObject({ code: 'REFUSED', asked: ['tlsserver'] })
})

test('that a certificate goes without its profile is said once, over all runs, until the CA has the profile again', async () => {
  const fake = stateWorld()
  const notices = async (profiles: Readonly<Record<string, string>>): Promise<number> => {
    fake.said.length = 0
    await run(fake, preferred('short'), { profiles })
    fake.time = new Date(fake.time.getTime() + 60 * 86_400_000)
    return fake.said.length
  }
  expect(await notices(offered)).toBe(1)
  expect(await notices(offered)).toBe(0)
  expect(await notices(offered)).toBe(0)
  expect(await notices({ short: 'Short-lived' })).toBe(0)
  expect(await notices(offered)).toBe(1)
})

import type { Name } from '../../../src/core/names.js'
import type { Log, World } from '../../../src/core/world.js'
import { listeningLog as listening } from '../../contract/provider-contract.js'
import { type FakeCa, fakeCa } from '../../fakes/ca.js'
import { type FakeClock, fakeClock } from '../../fakes/clock.js'

export const base = 'https://ca.test'

export const names = (...all: string[]): Name[] => all as Name[]

/** Gathers what is said. */
export function listeningLog(): Log & { readonly said: string[] } {
  const said: string[] = []
  return { said, ...listening(said), step: () => {} }
}

export type TestWorld = Pick<World, 'fetch' | 'clock' | 'random' | 'log'> & {
  readonly ca: FakeCa
  readonly clock: FakeClock
  readonly log: ReturnType<typeof listeningLog>
}

export function testWorld(at = base): TestWorld {
  const ca = fakeCa(at)
  return {
    ca,
    fetch: ca.fetch,
    clock: fakeClock(),
    random: bytes => new Uint8Array(bytes).fill(128),
    log: listeningLog(),
  }
}

export const order = (status: string, more: object = {}): object => ({
  status,
  identifiers: [{ type: 'dns', value: 'www.example.com' }],
  authorizations: [`${base}/authz/1`],
  finalize: `${base}/finalize/1`,
  ...more,
})

export const authorization = (status: string, more: object = {}): object => ({
  status,
  identifier: { type: 'dns', value: 'www.example.com' },
  challenges: [
    { type: 'dns-01', url: `${base}/challenge/1`, status: 'pending', token: 'evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ' },
  ],
  ...more,
})

/** A challenge that failed, as it stands within its authorization. */
export const failed = (type: string, detail: string, more: object = {}): object => ({
  type: 'dns-01',
  url: `${base}/challenge/1`,
  status: 'invalid',
  token: 'x',
  error: { type: `urn:ietf:params:acme:error:${type}`, detail, ...more },
})

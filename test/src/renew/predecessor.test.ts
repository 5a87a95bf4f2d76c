import { expect, test } from 'vitest'
import { predecessorOf } from '../../../src/renew/predecessor.js'
import type { Certificate } from '../../../src/state/certificates.js'
import { certificate, day, target } from '../../fakes/held.js'

const now = day('2026-06-01')
const ids = { serial: '0087654321', authorityKeyId: '69885b6b87464041e1b37b847ba0ae2cde01c8d4' }
const held = certificate('c', ['a.test'], { facts: ids })
const windowFrom = (start: string) => ({
  window: { start: day(start), end: day('2026-07-01'), chosen: day('2026-06-30'), asked: now },
})

test.each<{ what: string; one: Certificate; named: boolean; begun?: boolean }>([
  { what: 'that the CA of the target made', one: held, named: true, begun: false },
  { what: 'whose window has begun', one: { ...held, renewal: windowFrom('2026-06-01') }, named: true, begun: true },
  { what: 'whose window begins later', one: { ...held, renewal: windowFrom('2026-06-02') }, named: true, begun: false },
  { what: 'of another CA', one: { ...held, accountId: 'other.example%2fdirectory/account' }, named: false },
  { what: 'of an account that nobody knows', one: { ...held, accountId: undefined }, named: false },
  { what: 'that names no key of its issuer', one: certificate('c', ['a.test']), named: false },
  { what: 'that is not downloaded', one: { ...held, facts: undefined }, named: false },
  { what: 'that is replaced in the eyes of the CA', one: { ...held, renewal: { replaced: true } }, named: false },
  { what: 'that has a successor', one: { ...held, renewal: { successor: 'd' } }, named: false },
])('a certificate $what may be named in an order: $named', ({ one, named, begun }) => {
  const certId = 'aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE'
  expect(predecessorOf(one, target('t', ['a.test']), now)).toEqual(
    named ? expect.objectContaining({ certificate: 'c', certId, names: ['a.test'], windowBegun: begun }) : undefined,
  )
})

import { expect, test } from 'vitest'
import { Dns01Error } from '../../src/errors.js'
import type { Outcome } from '../../src/reconcile.js'
import { type Context, report } from '../../src/session.js'
import { listeningLog } from '../contract/provider-contract.js'

function reported(outcomes: readonly Outcome[]) {
  const said: string[] = []
  const log = { ...listeningLog([]), error: (t: string) => said.push(`error ${t}`), warn: (t: string) => said.push(t) }
  const out = { json: false, show: () => {} }
  const errors = report({ out, world: { log }, batch: true } as unknown as Context, outcomes)
  return { said, errors }
}

const left: Outcome = {
  subject: 'dns',
  names: [],
  result: 'left',
  error: new Dns01Error('UNAVAILABLE', 'a.test: 1 TXT record(s) could not be removed'),
}

test('records that were left are told after what went wrong, and do not count for the exit status', () => {
  const failed: Outcome = { subject: 'a', names: [], result: 'failed', error: new Dns01Error('REFUSED', 'a: BADSIG') }
  const { said, errors } = reported([left, failed])
  expect(said).toEqual(['error a: BADSIG', 'a.test: 1 TXT record(s) could not be removed'])
  expect(errors).toEqual([failed.error])
})

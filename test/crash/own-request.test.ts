// A run for a request that somebody else has made (request.csr), killed at each of its steps: the certificate is for that
// request's key, signed once, and no key of ours was made on the way.
import { expect, test } from 'vitest'
import { readCertificate } from '../../src/x509/certificate.js'
import { readCsr } from '../../src/x509/read-csr.js'
import { csrOf, pemOf } from '../fakes/csr.js'
import { type Outside, outside, ROOT } from '../fakes/outside.js'
import { thorough } from '../thorough.js'
import { at, failures } from './whole-run.js'

const host = 'device.one.test'
const request = csrOf({ names: [host] })

function machine(): Outside {
  const made = outside({ targets: [], zones: ['one.test'] })
  made.files.put('/etc/device.csr', pemOf(request))
  made.files.put(`${ROOT}/desired/device`, 'request: {csr: /etc/device.csr}\n')
  return made
}

function allIsWell({ files, ca, dns }: Outside): void {
  const tree = files.tree(ROOT)
  expect(tree.filter(line => /privkey|^folder \d+ keys\//.test(line) && !/accounts/.test(line))).toEqual([])
  expect(tree.filter(line => line.startsWith('link live/'))).toHaveLength(1)
  expect(tree.filter(line => line.startsWith('folder') && line.includes(' certs/'))).toHaveLength(1)
  expect(readCertificate(files.text(`${ROOT}/live/${host}/fullchain`) ?? '').keyId).toBe(readCsr(request).keyId)
  expect(ca.issued, 'signed once').toHaveLength(1)
  expect(dns.values(`_acme-challenge.${host}`)).toEqual([])
}

test('a run for a request of somebody else that is killed heals', async () => {
  const whole = machine()
  const { steps, outcomes, said } = await whole.run()
  expect({ failed: failures(outcomes), said }).toEqual({ failed: [], said: [] })
  allIsWell(whole)
  for (let k = 0; k < steps.length; k += thorough ? 1 : 9) {
    const killed = machine()
    await killed.run(at(k, 'stop'))
    killed.files.restart()
    const { error, outcomes } = await killed.run()
    expect(error, `after a stop at step ${k} (${steps[k]})`).toBeUndefined()
    expect(failures(outcomes), `after a stop at step ${k} (${steps[k]})`).toEqual([])
    allIsWell(killed)
  }
}, 120_000)

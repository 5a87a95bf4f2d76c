import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readCertificate, splitPems } from '../../src/x509/certificate.js'
import { runDns01 } from './servers/dns01.js'
import { lacking } from './servers/need.js'
import { pebbles } from './servers/pebble.js'
import { type Lab, startLab } from './servers/state.js'

/** With three roots, and two certificates between them and the leaf. */
describe.skipIf(lacking('pebble')).each(pebbles())('a Pebble with alternate chains, $which', ({ systems }) => {
  let lab: Lab
  /** The common name of each root, as Pebble tells it at its management port. */
  let roots: string[]
  beforeAll(async () => {
    lab = await startLab({ systems, alternateRoots: 2, chainLength: 2, nonceReject: 0 })
    mkdirSync(join(lab.state, 'desired'), { mode: 0o755 })
    roots = await Promise.all([0, 1, 2].map(rootOf))
  })
  afterAll(() => lab.stop())

  async function rootOf(n: number): Promise<string> {
    const ca = readFileSync(lab.pebble.caFile)
    const pem = await new Promise<string>((resolve, reject) => {
      const asked = request(`${lab.pebble.managementUrl}/roots/${n}`, { ca }, answer => resolve(text(answer)))
      asked.once('error', reject).end()
    })
    return readCertificate(pem).subject.replace(/^.*CN=/, '')
  }

  const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env })
  const desire = (host: string, chain: string): void =>
    writeFileSync(
      join(lab.state, 'desired', host),
      `satisfy: {names: [${host}.corp.example]}\nrequest: {preferred-chain: ${JSON.stringify(chain)}}\n`,
    )
  /** Issuers of the certificates of the chain, leaf first. */
  const issuers = (host: string): string[] =>
    splitPems(readFileSync(join(lab.state, 'live', `${host}.corp.example`, 'fullchain'), 'utf8')).map(pem =>
      readCertificate(pem).issuer.replace(/^.*CN=/, ''),
    )

  test('each of them can be had by the name of its root, and is the same one at renewal', async () => {
    for (const [i, root] of roots.entries()) desire(`h${i}`, root)
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stderr: '' })
    for (const [i, root] of roots.entries()) {
      expect(issuers(`h${i}`)).toHaveLength(3)
      expect(issuers(`h${i}`).at(-1)).toBe(root)
    }
    expect(await dns01('reconcile', '--force', 'h2.corp.example')).toMatchObject({ exit: 0, stderr: '' })
    expect(issuers('h2').at(-1)).toBe(roots[2])
  }, 60_000)

  test('a root that it does not have: its own choice, and a notice the first time', async () => {
    desire('none', 'ISRG Root X1')
    const first = await dns01('reconcile')
    expect(first.exit).toBe(0)
    expect(first.stderr).toMatch(
      /none\.corp\.example: the CA has no chain up to "ISRG Root X1"; its own choice is taken/,
    )
    for (const root of roots) expect(first.stderr).toContain(root)
    expect(issuers('none').at(-1)).toBe(roots[0])
    expect(await dns01('reconcile', '--force', 'none.corp.example')).toMatchObject({ exit: 0, stderr: '' })
  }, 60_000)
})

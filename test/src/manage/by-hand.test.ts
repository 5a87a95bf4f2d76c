import { beforeEach, describe, expect, test } from 'vitest'
import { importCertificate, requestByHand } from '../../../src/manage/by-hand.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { readCsr } from '../../../src/x509/read-csr.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { names } from '../../fakes/held.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

let fake: StateWorld
let state: StateDir
beforeEach(async () => {
  fake = stateWorld()
  fake.time = new Date('2026-02-01T00:00:00Z')
  state = await StateDir.open(fake.world, '/s')
  await state.conform()
})

const request = (all: string[], { newKey = false, kind }: { newKey?: boolean; kind?: { type: 'rsa' } } = {}) =>
  requestByHand(fake.world, state, names(...all), { newKey, kind })
const take = (...paths: string[]) => importCertificate(fake.world, state, paths)

describe('a request', () => {
  test('is for all names of its target and by its key, until another key is asked for', async () => {
    const first = await request(['a.test', 'b.test', 'a.test'])
    expect(first.names).toEqual(['a.test', 'b.test'])
    expect(readCsr(Buffer.from(first.pem))).toMatchObject({ names: ['a.test', 'b.test'], keyId: first.keyId })
    expect(await request(['b.test'])).toMatchObject({
      names: ['a.test', 'b.test'],
      keyId: first.keyId,
      file: first.file,
    })
    const other = await request(['a.test'], { newKey: true, kind: { type: 'rsa' } })
    expect(other.keyId).not.toBe(first.keyId)
    expect(readCsr(Buffer.from(other.pem)).keyType).toBe('rsa')
    expect(await request(['a.test'])).toMatchObject({ keyId: other.keyId })
    expect(state.keyIds()).toEqual(new Set([first.keyId, other.keyId]))
    expect(state.targets().targets).toMatchObject([{ byHand: true, key: { id: other.keyId } }])
  })

  test.each<[string, string, { kind?: { type: 'rsa' } }, string]>([
    ['that ACME gets', 'satisfy: {names: [a.test]}\n', {}, 'has a.test from a CA by ACME already'],
    ['with a key of another kind', 'request: {by-hand: true}\n', { kind: { type: 'rsa' } }, 'has a key already'],
  ])('for a name %s is refused', async (_, text, more, message) => {
    fake.files.put('/s/desired/a.test', text)
    const before = fake.files.changes
    await expect(request(['a.test'], more)).rejects.toThrow(message)
    expect(fake.files.changes).toBe(before)
  })
})

describe('a certificate', () => {
  async function made(all: string[], more: Parameters<typeof selfSigned>[2] = { issuer: 'CN=CA' }): Promise<string> {
    const key = ecKey()
    await state.addKey(key)
    fake.files.put('/c.pem', (await selfSigned(key, all, more)).cert)
    return key.id
  }

  test('for names that nobody wants makes a target; for those of a target it serves that', async () => {
    const keyId = await made(['a.test', 'b.test'])
    const { files, id, issuerMissing, targetIsNew } = await take('/c.pem')
    expect({ issuerMissing, targetIsNew }).toEqual({ issuerMissing: 'CN=CA', targetIsNew: true })
    expect(state.targets().targets).toMatchObject([
      { file: files[0], names: ['a.test', 'b.test'], byHand: true, key: { id: keyId } },
    ])
    expect(state.certificates()).toMatchObject([
      { id, complete: true, hasKey: true, revoked: false, accountId: undefined },
    ])
    expect(await take('/c.pem')).toMatchObject({ id, files, targetIsNew: false })
    expect(state.certificates()).toHaveLength(1)
  })

  test.each<[string, string[], Parameters<typeof selfSigned>[2], string]>([
    ['that is self-signed', ['a.test'], {}, 'for a.test is self-signed; nothing was stored'],
    ['that is over', ['a.test'], { issuer: 'CN=CA', notAfter: new Date('2026-01-31') }, 'ended on 2026-01-31'],
    [
      'that is for later',
      ['a.test'],
      { issuer: 'CN=CA', notBefore: new Date('2026-02-02') },
      'is not valid before 2026-02-02',
    ],
    ['without a name', [], { issuer: 'CN=CA' }, 'has no DNS name in subjectAltName'],
  ])('%s is refused, and nothing is stored', async (_, all, more, message) => {
    await made(all, more)
    await expect(take('/c.pem')).rejects.toThrow(message)
    expect([state.certificates(), state.targets().targets]).toEqual([[], []])
  })

  test('that lacks a name of its request is refused', async () => {
    const keyId = await made(['a.test'])
    fake.files.put(
      '/s/desired/x',
      `satisfy: {names: [a.test, b.test]}\nrequest: {by-hand: true, key: {id: ${keyId}}}\n`,
    )
    await expect(take('/c.pem')).rejects.toThrow('lacks b.test, which desired/x wants')
    expect(state.certificates()).toEqual([])
  })

  test('whose key is elsewhere is refused, as is a file that is none', async () => {
    fake.files.put('/c.pem', (await selfSigned(ecKey(), ['a.test'])).cert)
    await expect(take('/c.pem')).rejects.toThrow('the private key for a.test is not here (key ')
    fake.files.put('/d.pem', 'hello')
    await expect(take('/d.pem')).rejects.toThrow('/d.pem: no certificate in it')
    await expect(take('/nowhere.pem')).rejects.toMatchObject({ code: 'USAGE' })
  })
})

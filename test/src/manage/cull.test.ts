import { beforeEach, describe, expect, test } from 'vitest'
import { cull } from '../../../src/commands/cull.js'
import type { Prompt } from '../../../src/core/world.js'
import { agreed, clearAway, findWaste, type Holdings, waste, wasteLines } from '../../../src/manage/cull.js'
import { locked } from '../../../src/renew/run.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { certificate, day, target } from '../../fakes/held.js'
import { machine } from '../../fakes/machine.js'
import { stateWorld } from '../../fakes/state-world.js'

const now = day('2026-06-01')
const over = { notAfter: day('2026-05-31') }

function held(more: Partial<Holdings>): Holdings {
  return { targets: [], allTargetsKnown: true, certificates: [], links: new Map(), keyIds: [], ...more }
}

const idsOf = (more: Partial<Holdings>) => {
  const { links, certificates, keys } = waste(held(more), now)
  return { links, certificates: certificates.map(c => c.id), keys }
}

describe('waste', () => {
  const good = certificate('good', ['a.test'])
  const expired = certificate('expired', ['a.test'], { facts: over })
  const revoked = certificate('revoked', ['a.test'], { revoked: true })

  test.each([
    ['a valid certificate that nobody wants stays', [good], {}, []],
    ['an expired one goes', [expired], {}, ['expired']],
    ['at the very end of its time', [certificate('c', ['a.test'], { facts: { notAfter: now } })], {}, ['c']],
    ['a revoked one goes', [revoked], {}, ['revoked']],
    ['one that is only to be revoked stays', [certificate('c', ['a.test'], { revokeWanted: true })], {}, []],
    ['one that is live stays, whatever it is', [expired, revoked], { 'a.test': 'expired', 'b.test': 'revoked' }, []],
    ['one that is not downloaded stays', [{ ...revoked, complete: false, facts: undefined }], {}, []],
  ])('%s', (_, certificates, links, gone) => {
    const targets = [target('t', ['a.test', 'b.test'])]
    expect(idsOf({ targets, certificates, links: new Map(Object.entries(links)) }).certificates).toEqual(gone)
  })

  test('links that no target wants go, and what only they kept', () => {
    const links = new Map([
      ['a.test', 'good'],
      ['gone.test', 'expired'],
      ['a.test:inner', 'good'],
    ])
    const found = idsOf({ targets: [target('t', ['a.test'])], certificates: [good, expired], links })
    expect(found).toMatchObject({ links: ['gone.test', 'a.test:inner'], certificates: ['expired'] })
  })

  test('as long as a target cannot be read, no link and no key is unwanted', () => {
    const links = new Map([['gone.test', 'expired']])
    const found = idsOf({ allTargetsKnown: false, certificates: [expired], links, keyIds: ['key-x'] })
    expect(found).toEqual({ links: [], certificates: [], keys: [] })
  })

  test('keys go that neither a certificate that stays nor a target uses', () => {
    const keyIds = ['key-good', 'key-expired', 'stray', 'chosen', 'shared', 'key-half']
    const half = certificate('half', [], { complete: false, hasKey: true })
    const certificates = [good, expired, { ...half, facts: undefined }]
    const targets = [
      target('t', ['a.test'], { key: { type: 'ecdsa', curve: 'nistp256', rsaBits: 2048, id: 'chosen' } }),
    ]
    const found = idsOf({ targets, certificates, keyIds, sharedKeyId: 'shared' })
    expect(found.keys).toEqual(['key-expired', 'stray'])
  })

  test('an order that does not say which key it is for keeps them all', () => {
    const half = { ...certificate('half', [], { complete: false }), facts: undefined, keyId: undefined }
    expect(idsOf({ certificates: [half], keyIds: ['stray'] }).keys).toEqual([])
  })
})

describe('on disk', () => {
  const fake = stateWorld()
  let state: StateDir
  beforeEach(async () => {
    fake.time = now
    state = await StateDir.open(fake.world, '/s')
    await state.conform()
  })

  test('an expired certificate is waste once it is not live, with its key; a second look finds nothing', async () => {
    const [oldKey, newKey] = [ecKey(), ecKey()]
    const ids: string[] = []
    for (const [key, notAfter] of [
      [oldKey, day('2026-05-20')],
      [newKey, day('2026-08-20')],
    ] as const) {
      await state.addKey(key)
      const id = await state.addOrder({ url: `https://ca.test/${key.id}`, accountId: undefined, keyId: key.id })
      const pem = await selfSigned(key, ['a.test'], { notBefore: day('2026-05-01'), notAfter })
      await state.storeCertificate(id, pem)
      ids.push(id)
    }
    await state.writeTarget('a.test', '')
    await state.pointLive('a.test', ids[0] as string)
    // a self-signed certificate serves no target, so the link stays where it is, and all it needs
    expect(findWaste(fake.world, state).waste).toEqual({ links: [], certificates: [], keys: [] })

    await state.pointLive('a.test', ids[1] as string)
    const found = findWaste(fake.world, state).waste
    expect(wasteLines(found)).toEqual([
      `certs/${ids[0]}  expired 2026-05-20: a.test`,
      `keys/${oldKey.id}  no certificate uses it`,
    ])
    await clearAway(state, found)
    expect(state.certificates().map(({ id }) => id)).toEqual([ids[1]])
    expect([...state.keyIds()]).toEqual([newKey.id])
    expect(findWaste(fake.world, state).waste).toEqual({ links: [], certificates: [], keys: [] })
  })

  test('an unreadable target is heeded', async () => {
    await state.writeTarget('broken', 'satisfy: [\n')
    await state.addKey(ecKey())
    expect(findWaste(fake.world, state).waste.keys).toEqual([])
  })
})

describe('agreed', () => {
  const asked: string[] = []
  const prompt = (answer: boolean) =>
    ({
      note: text => void asked.push(text),
      confirm: async question => {
        asked.push(question)
        return answer
      },
    }) as Prompt

  test('shows first, then asks; without anybody to ask, or anything to show, it is agreed', async () => {
    expect(await agreed(prompt(false), ['a', 'b'])).toBe(false)
    expect(await agreed(prompt(true), ['c'])).toBe(true)
    expect(asked).toEqual(['a\nb', 'Remove these 2?', 'c', 'Remove this?'])
    expect(await agreed(prompt(false), [])).toBe(true)
    expect(await agreed(undefined, ['a'])).toBe(true)
    expect(asked).toHaveLength(4)
  })
})

describe('while cull asks', () => {
  /** A machine with a stray key; `meanwhile` happens between question and answer. */
  async function asking(answer: boolean, meanwhile: (state: StateDir) => Promise<void>) {
    const on = machine({ replies: {} })
    const stray = ecKey()
    const stateRoot = '/var/lib/acme'
    const state = await StateDir.open(on.context.world, stateRoot)
    await state.conform()
    await state.addKey(stray)
    const confirm = async () => {
      await locked(on.context, meanwhile)
      return answer
    }
    const prompt: Prompt = { ...(on.context.world.prompt as Prompt), confirm }
    await cull.run({}, { ...on.context, world: { ...on.context.world, prompt } })
    return { left: [...state.keyIds()], stray: stray.id, said: on.said }
  }

  test('another run is not locked out, and what it left as shown is removed', async () => {
    const { left, said } = await asking(true, async () => {})
    expect(left).toEqual([])
    expect(said).toEqual([])
  })

  test('what has come meanwhile was not agreed to, and stays', async () => {
    const late = ecKey()
    const { left } = await asking(true, state => state.addKey(late))
    expect(left).toEqual([late.id])
  })

  test('what is needed again stays', async () => {
    let wanted = ''
    const { left, stray } = await asking(true, async state => {
      wanted = [...state.keyIds()][0] as string
      await state.writeTarget('a.test', `request:\n  key:\n    id: ${wanted}\n`)
    })
    expect(left).toEqual([stray])
  })

  test('no removes nothing', async () => {
    const { left, stray } = await asking(false, async () => {})
    expect(left).toEqual([stray])
  })
})

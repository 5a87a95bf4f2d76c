import { beforeEach, describe, expect, test } from 'vitest'
import type { RunOptions, World } from '../../../src/core/world.js'
import { pointLinks, type TellParts, tellHooks, tellWhatChanged } from '../../../src/renew/links.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { ecKey, selfSigned } from '../../fakes/certificates.js'
import { stateWorld } from '../../fakes/state-world.js'

describe('live-updated', () => {
  let state: StateDir
  let parts: TellParts
  let exit: number
  let told: { argv: readonly string[]; input: string }[]
  let env: World['env']
  let fake: ReturnType<typeof stateWorld>

  beforeEach(async () => {
    fake = stateWorld()
    exit = 0
    told = []
    const run: World['run'] = async (argv: readonly string[], { input, ...options }: RunOptions) => {
      told.push({ argv, input })
      env = options.env
      return { exit, output: '' }
    }
    fake.files.put('/hooks/one', '#!/bin/sh\n', 0o755)
    state = await StateDir.open(fake.world, '/s')
    await state.conform()
    parts = {
      world: { ...fake.world, run, env: {} },
      state,
      hookFolders: ['/hooks'],
      signal: new AbortController().signal,
    }
  })

  async function linked(...links: string[]): Promise<void> {
    const key = ecKey()
    await state.addKey(key)
    const certificateId = await state.addOrder({
      url: `https://ca.test/${key.id}`,
      accountId: undefined,
      keyId: key.id,
    })
    await state.storeCertificate(certificateId, await selfSigned(key, ['a.test']))
    await pointLinks(
      state,
      links.map(link => ({ link, certificateId })),
    )
  }

  test('is told once, with all names that changed', async () => {
    await linked('a.test', '*.a.test')
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(told).toEqual([{ argv: ['/hooks/one', 'live-updated'], input: 'a.test\n*.a.test\n' }])
  })

  test('is told again after a hook failed, with what has changed since', async () => {
    exit = 1
    await linked('a.test')
    expect(await tellWhatChanged(parts, [])).toMatchObject([
      { hook: '/hooks/one', error: { code: 'HOOK', message: '/hooks/one: live-updated exited with 1' } },
    ])
    expect(fake.said).toEqual([]) // the run tells it once, with its other errors
    exit = 0
    await linked('b.test')
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(told.map(({ input }) => input)).toEqual(['a.test\n', 'a.test\nb.test\n'])
  })

  test('is told again when a folder of hooks may be used again; that it may not is one failure among others', async () => {
    await linked('a.test')
    fake.files.give('/hooks', { mode: 0o777 })
    expect(await tellWhatChanged(parts, [])).toMatchObject([{ hook: 'hooks', error: { code: 'CONFIG' } }])
    expect(state.journal.untold()).toEqual(['a.test'])
    fake.files.give('/hooks', { mode: 0o755 })
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(told).toHaveLength(1)
  })

  test('is not repeated because a hook failed that knows challenges only', async () => {
    exit = 1
    fake.files.put('/hooks/one', '#!/usr/bin/python3\n"challenge-dns-start"\n', 0o755)
    await linked('a.test')
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(state.journal.untold()).toEqual([])
    expect(told).toHaveLength(1)
  })

  test('is not told of a link that has gone since', async () => {
    await linked('a.test')
    await state.removeLive('a.test')
    expect(await tellWhatChanged(parts, [])).toEqual([])
    expect(told).toEqual([])
    expect(state.journal.untold()).toEqual([])
  })

  test('is told without the secrets of any provider, or where they are', async () => {
    const secrets = [
      'AWS_SECRET_ACCESS_KEY',
      'CLOUDFLARE_DNS_API_TOKEN',
      'CF_Token',
      'RFC2136_TSIG_SECRET',
      'DNS01_EAB_HMAC_KEY',
    ]
    const theirs = [...secrets, ...secrets.map(name => `${name}_FILE`), 'DNS01_PLUGIN_OPTIONS']
    const given = Object.fromEntries([...theirs, 'PATH', 'AWS_ACCESS_KEY_ID', 'SERVICES'].map(name => [name, 'x']))
    await tellHooks({ ...parts, world: { ...parts.world, env: given } }, ['a'])
    expect(Object.keys(env).sort()).toEqual(['ACME_STATE_DIR', 'AWS_ACCESS_KEY_ID', 'PATH', 'SERVICES'])
  })

  test('exit status 42 does not count as a failure, and without names there is no event', async () => {
    exit = 42
    expect(await tellHooks(parts, ['b', 'a'])).toEqual([])
    expect(await tellHooks(parts, [])).toEqual([])
    expect(told.map(({ input }) => input)).toEqual(['b\na\n'])
  })

  test('changes of nothing write nothing', async () => {
    const before = fake.files.changes
    await pointLinks(state, [])
    expect(fake.files.changes).toBe(before)
  })
})

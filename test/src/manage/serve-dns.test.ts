import { expect, test, vi } from 'vitest'
import { parseDnsConfig } from '../../../src/config/dns-yml.js'
import { Dns01Error } from '../../../src/core/errors.js'
import type { RecordType, World } from '../../../src/core/world.js'
import { serveDns } from '../../../src/manage/serve-dns.js'
import type { JournalEntry } from '../../../src/state/journal.js'
import { openJournalView } from '../../../src/state/journal-view.js'
import { listeningLog } from '../../contract/provider-contract.js'
import { fakeClock } from '../../fakes/clock.js'
import { fakeDns } from '../../fakes/dns.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { txt } from '../../fakes/provider.js'
import { fakeWorld } from '../../fakes/world.js'

const root = '/var/lib/acme'
const journal = `${root}/.dns01/journal`
const entry = (id: string, provider: string, value: string): JournalEntry => ({
  ...{ id, provider, zone: 'acme.test' as never },
  records: [txt('www.acme.test', value, 'acme.test')],
})

function scene(dnsYml = '', env: World['env'] = {}) {
  const clock = fakeClock(undefined, { patient: true })
  const dns = fakeDns(clock)
  const files = new MemoryFiles({ now: clock.now })
  const said: string[] = []
  const world = fakeWorld({ clock, dns, files, env, log: listeningLog(said) })
  const stopping = new AbortController()
  const config = parseDnsConfig(dnsYml, 'conf/dns.yml', env)
  const put = (one: JournalEntry) => files.put(`${journal}/${one.id}.json`, JSON.stringify(one))
  const ask = async (server: string, name: string, type: RecordType = 'TXT') => {
    await clock.advance(0.2)
    const where = { server, recursion: false, signal: stopping.signal }
    return (await clock.runUntil(dns.query({ name: name as never, type }, where))).answers.map(({ data }) => data)
  }
  const serving = () => clock.runUntil(serveDns({ world, config, root, signal: stopping.signal }))
  return { world, files, clock, said, stopping, put, ask, serving }
}

test('serves what the journal holds, for all zones of builtin that conf/dns.yml names, until stopped', async () => {
  const { put, ask, serving, stopping, files, said } = scene(`
zones:
  acme.test: {provider: builtin, zone: acme.test, listen: '192.0.2.1:53', ns: ns.example.test}
  b.test: {provider: builtin, zone: b.test, listen: '192.0.2.1:53,192.0.2.2:53'}
  other.test: {provider: memory}
`)
  const ended = serving()
  await vi.waitFor(() => expect(said.join()).toContain('answering for acme.test, b.test at 192.0.2.1:53, 192.0.2.2:53'))
  expect(await ask('192.0.2.1:53', '_acme-challenge.www.acme.test')).toEqual([])
  put(entry('a', 'builtin', 'one'))
  put(entry('b', 'memory', 'two'))
  files.put(`${journal}/c.json`, '{')
  files.put(`${journal}/c.part`, '{}')
  for (const server of ['192.0.2.1:53', '192.0.2.2:53'])
    expect(await ask(server, '_acme-challenge.www.acme.test')).toEqual(['one'])
  expect(said.filter(line => line.includes('c.json cannot be read'))).toHaveLength(1)
  expect(await ask('192.0.2.2:53', 'acme.test', 'NS')).toEqual(['ns.example.test'])
  expect(await ask('192.0.2.2:53', 'b.test', 'NS')).toEqual(['ns.b.test'])
  await files.remove(`${journal}/a.json`)
  expect(await ask('192.0.2.1:53', '_acme-challenge.www.acme.test')).toEqual([])
  stopping.abort(new Error('stopped'))
  await ended
})

test('without a zone it says what to set', async () => {
  await expect(scene().serving()).rejects.toMatchObject({
    code: 'CONFIG',
    hint: expect.stringMatching('DNS01_BUILTIN_ZONE'),
  })
})

test('a journal that cannot be read is reported at the start', async () => {
  const { files, serving } = scene('', { DNS01_BUILTIN_ZONE: 'acme.test' })
  files.list = () => {
    throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
  }
  const error = await serving().catch((caught: unknown) => caught)
  expect(error).toBeInstanceOf(Dns01Error)
  expect(error).toMatchObject({ code: 'STATE', hint: expect.stringMatching('as the user that runs reconcile') })
})

test('a thousand questions are two looks at the folder, and each entry is read once', async () => {
  const { world, files, put, clock } = scene()
  for (let i = 0; i < 50; i++) put(entry(`e${i}`, 'builtin', `v${i}`))
  const counts = { list: 0, read: 0 }
  const list = files.list.bind(files)
  const read = files.readPlain.bind(files)
  files.list = folder => {
    counts.list++
    return list(folder)
  }
  files.readPlain = path => {
    counts.read++
    return read(path)
  }
  const view = openJournalView(world, root)
  const first = view()
  for (let i = 0; i < 500; i++) expect(view()).toBe(first)
  await clock.advance(0.2)
  for (let i = 0; i < 500; i++) expect(view()).toBe(first)
  expect(counts).toEqual({ list: 2, read: 50 })
  await files.remove(`${journal}/e7.json`)
  await clock.advance(0.2)
  expect(view()).toHaveLength(49)
})

// What docs/ shows of settings is read as the program reads it: each YAML example by the parser of the file that its first
// line names, the unit of serve-dns, the firewall line, and the list of variables.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { parseCommandLine } from '../src/cli/parse.js'
import { parseDnsConfig } from '../src/config/dns-yml.js'
import { parseDefaults, parseTarget } from '../src/config/target-file.js'
import { plain } from '../src/core/styled.js'
import { loadShipped } from '../src/provider/catalog.js'
import { settingValues } from '../src/provider/loader.js'
import type { StatusDocument } from '../src/renew/status.js'
import { summaryLines } from '../src/report/summary.js'
import { isPromptId } from '../src/state/prompt-ids.js'
import { listeningLog } from './contract/provider-contract.js'
import { allBlocks, pageText } from './docs.js'

const root = join(import.meta.dirname, '..')
const examples = allBlocks('yaml').map(block => ({ ...block, file: block.text.match(/^# (\S+)\n/)?.[1] ?? 'no file' }))
const of = (file: string) => examples.filter(example => example.file === file)
const files = { read: () => Buffer.from('a secret'), info: () => ({ kind: 'file', mode: 0o600, uid: 0, gid: 0 }) }

test('every YAML example says in its first line which file it is', () => {
  const known = /^(desired\/[\w.-]+|conf\/(target|dns\.yml|responses)|prometheus\/dns01\.yml)$/
  expect(examples.filter(({ file }) => !known.test(file))).toEqual([])
  expect(examples.length).toBeGreaterThan(5)
})

test.each(examples.filter(({ file }) => file.startsWith('desired/')))(
  '$page:$line: a target without a warning',
  ({ text, file }) => {
    expect(parseTarget({ file: file.replace('desired/', ''), text }).warnings).toEqual([])
  },
)

test.each(of('conf/target'))('$page:$line: defaults without a warning', ({ text }) => {
  expect(parseDefaults(text).warnings).toEqual([])
})

test.each(of('conf/responses'))('$page:$line: answers that are asked for', ({ text }) => {
  expect(Object.keys(parse(text)).filter(id => !isPromptId(id))).toEqual([])
})

test('the answers that docs/state-directory.md lists are those that are asked for', () => {
  const [, section = ''] = pageText('docs/state-directory.md').match(/^## Answers\n([\s\S]*?)^## /m) ?? []
  const listed = [...section.matchAll(/`((?:acme|dns01)[\w-]+)(?::URL)?`/g)].map(([, id = '']) => id)
  const source = readFileSync(join(root, 'src/state/prompt-ids.ts'), 'utf8')
  const asked = [...source.matchAll(/: '((?:acme|dns01)[\w-]+)'/g)].map(([, id = '']) => id)
  expect(listed.filter(id => id !== 'acme-agreement').sort()).toEqual(asked.sort())
})

describe.each(of('conf/dns.yml'))('$page:$line: conf/dns.yml', ({ text }) => {
  const config = parseDnsConfig(text, 'dns.yml', {})
  const said = [config.fallback, ...config.zones.values()].filter(({ provider }) => provider !== undefined)

  test('has settings that the providers have', async () => {
    for (const { provider = '', settings } of said) {
      const definition = await loadShipped(provider)
      const values = settingValues({ env: {}, log: listeningLog([]), files } as never, definition, settings)
      for (const [key, value] of Object.entries(settings))
        expect(values[key.replace(/-file$/, '')] ?? values[key], key).toBe(key.startsWith('token') ? 'a secret' : value)
    }
  })
})

test('the full example of conf/dns.yml names the numbers that hold without it', () => {
  const full = of('conf/dns.yml').find(({ text }) => text.includes('propagation:'))
  const config = parseDnsConfig(full?.text ?? '', 'dns.yml', {})
  expect(config.propagation).toEqual(parseDnsConfig('', '', {}).propagation)
  expect(config.zones.size).toBeGreaterThan(4)
})

test('the unit that keeps serve-dns running names flags and a command that exist', async () => {
  const words =
    pageText('docs/intranet.md')
      .match(/ExecStart=\/usr\/bin\/env dns01 (.*serve-dns)$/m)?.[1]
      ?.split(' ') ?? []
  expect(await parseCommandLine(words)).toMatchObject({ command: { command: 'serve-dns' }, flags: { batch: true } })
})

test('what want says at its end is as docs/quick-start-route53.md shows it', () => {
  const names = ['my.domain.com', '*.my.domain.com']
  const dates = { renewAt: new Date('2026-03-01'), notAfter: new Date('2026-03-31') }
  const target = { file: 'my', names, live: 'live/my.domain.com', due: undefined, ...dates }
  const document = { stateDirectory: '/var/lib/acme', targets: [target] } as unknown as StatusDocument
  const parts = { now: new Date('2026-01-01'), columns: 130, renewedBy: '/etc/cron.d/dns01' }
  expect(pageText('docs/quick-start-route53.md')).toContain(summaryLines(document, ['my'], parts).map(plain).join('\n'))
})

test('the firewall line is the one that the error tells', () => {
  const line = pageText('docs/intranet.md').match(/^nft '(.*)'$/m)?.[1] ?? 'none'
  const source = readFileSync(join(root, 'providers/builtin/listening.ts'), 'utf8')
  expect(source.replace(/['"] \+\n\s*['"]/g, '')).toContain(line)
})

test('every variable of ours is told in docs/settings.md, docs/providers.md or docs/notices.md, and no other', () => {
  const sources = ['src', 'providers'].flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(file => file.endsWith('.ts'))
      .map(file => readFileSync(join(root, folder, file), 'utf8')),
  )
  const ours = (text: string): string[] => text.match(/\bDNS01_[A-Z0-9_]*[A-Z0-9]\b/g) ?? []
  const builtIn = ['DNS01_VERSION', 'DNS01_BUGS'] // filled in by build.mjs
  const used = [...new Set(sources.flatMap(ours))].filter(name => !builtIn.includes(name) && !name.endsWith('_FILE'))
  const told = new Set(['settings', 'providers', 'notices'].flatMap(page => ours(pageText(`docs/${page}.md`))))
  told.delete('DNS01_ENV_FILE')
  expect([...told].sort()).toEqual(used.filter(name => name !== 'DNS01_ENV_FILE').sort())
})

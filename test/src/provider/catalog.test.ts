import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { World } from '../../../src/core/world.js'
import { openFiles } from '../../../src/platform/files.js'
import {
  allSecretVariables,
  findProvider,
  type Looking,
  loadAll,
  loadProvider,
  loadShipped,
  providerNames,
  secretVariables,
  shippedNames,
} from '../../../src/provider/catalog.js'
import { newFolder } from '../../folder.js'

const temporary = newFolder('catalog')

const self = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 } as World['self']
const looking = (env: World['env']): Looking => ({ env, files: openFiles(), self })
const alone = looking({ DNS01_PROVIDERS: join(temporary, 'nowhere') })

const code = (name: string, more = ''): string =>
  `export default { name: '${name}', summary: 'of others', batch: true, additive: true, testedWith: 'nothing', ${more}
     settings: { token: { env: ['${name.toUpperCase()}_TOKEN'], help: 'the token', secret: true } },
     open: () => ({ present: async () => {}, cleanup: async () => {} }) }\n`

let counter = 0
/** A folder of others' providers with these files, as DNS01_PROVIDERS has it. */
function folderWith(files: Readonly<Record<string, string>>): { readonly world: Looking; readonly folder: string } {
  const folder = join(temporary, `providers${counter++}`)
  mkdirSync(folder, { mode: 0o755 })
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true, mode: 0o755 })
    writeFileSync(join(folder, path), text, { mode: 0o644 })
  }
  return { folder, world: looking({ DNS01_PROVIDERS: folder }) }
}

const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    error => error,
  )

describe('the providers that we ship', () => {
  test('are the files of their folder, found and loaded by their names', async () => {
    expect(shippedNames()).toEqual(expect.arrayContaining(['hooks', 'memory', 'rfc2136']))
    expect(providerNames(alone)).toEqual(shippedNames())
    for (const name of shippedNames()) expect((await loadProvider(alone, name)).name).toBe(name)
    expect(findProvider(alone, 'memory')).toEqual({ name: 'memory', from: 'dns01' })
  })

  test('an unknown one is an error with a suggestion', async () => {
    await expect(loadProvider(alone, 'memroy')).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'there is no provider "memroy"',
      hint: 'did you mean "memory"?',
    })
  })

  test('a DNS host that has none is told the ways on', async () => {
    const { hint } = await errorOf(loadProvider(alone, 'digitalocean'))
    expect(hint).toMatch(/^known are: .*rfc2136.*; any other DNS host: exec with .*dns_\*.*acme-dns-01.*hooks$/)
  })

  test.each(['../src/main', 'rfc2136/tsig', '', '.', 'memory.ts'])('%j is not a name', async name => {
    await expect(loadProvider(alone, name)).rejects.toMatchObject({ code: 'CONFIG' })
  })

  test('the variables that hold secrets are known of every provider, with those that name a file', async () => {
    const all = await allSecretVariables(alone)
    for (const name of ['AWS_SECRET_ACCESS_KEY', 'CF_Token', 'RFC2136_TSIG_SECRET', 'DNS01_PLUGIN_OPTIONS'])
      expect([all.has(name), all.has(`${name}_FILE`)]).toEqual([true, true])
    expect(all.has('AWS_ACCESS_KEY_ID')).toBe(false)
    const some = secretVariables(await Promise.all(['rfc2136', 'exec'].map(loadShipped)))
    expect([...some].some(name => name.startsWith('AWS'))).toBe(false)
  })
})

describe("others' providers, from DNS01_PROVIDERS", () => {
  const packageJson = (more: object): string => JSON.stringify({ name: 'x', version: '1.0.0', type: 'module', ...more })

  test('are files NAME.mjs or NAME.js and packages dns01-provider-NAME in its node_modules; the rest is not looked at', async () => {
    const { world, folder } = folderWith({
      'one.mjs': code('one'),
      'two.js': `module.exports = ${code('two').replace('export default ', '')}`,
      'readme.txt': 'x',
      'Upper.mjs': code('upper'),
      'node_modules/dns01-provider-three/package.json': packageJson({ exports: './lib/a.js' }),
      'node_modules/dns01-provider-three/lib/a.js': code('three'),
      'node_modules/dns01-provider-four/package.json': packageJson({ main: 'b.js' }),
      'node_modules/dns01-provider-four/b.js': code('four'),
      'node_modules/dns01-provider-five/package.json': packageJson({ exports: { '.': { import: './c.js' } } }),
      'node_modules/dns01-provider-five/c.js': code('five'),
      'node_modules/other/package.json': packageJson({}),
    })
    const names = ['five', 'four', 'one', 'three', 'two']
    expect(providerNames(world).filter(name => !shippedNames().includes(name))).toEqual(names)
    for (const name of names) expect((await loadProvider(world, name)).summary).toBe('of others')
    expect(findProvider(world, 'one').from).toBe(join(folder, 'one.mjs'))
    expect(findProvider(world, 'three').from).toBe(join(folder, 'node_modules/dns01-provider-three'))
    expect((await allSecretVariables(world)).has('THREE_TOKEN')).toBe(true)
  })

  test('the name of the file counts, so that a file can give a package another name', async () => {
    const { world } = folderWith({ 'mine.mjs': code('theirs') })
    expect((await loadProvider(world, 'mine')).name).toBe('mine')
  })

  test('two of one name are an error, also where one is ours; the others go on', async () => {
    const { world, folder } = folderWith({
      'memory.mjs': code('memory'),
      'twice.mjs': code('a'),
      'twice.js': code('b'),
    })
    await expect(loadProvider(world, 'memory')).rejects.toMatchObject({
      code: 'CONFIG',
      message: `there are two providers "memory": dns01's own and ${folder}/memory.mjs`,
    })
    await expect(loadProvider(world, 'twice')).rejects.toMatchObject({ code: 'CONFIG' })
    const unusable: string[] = []
    const all = await loadAll(world, ({ name }) => void unusable.push(name))
    expect(unusable).toEqual(['memory', 'twice'])
    expect(all.map(({ name }) => name)).toContain('rfc2136')
  })

  test('a relative DNS01_PROVIDERS is refused: it would be in the working directory', async () => {
    await expect(loadProvider(looking({ DNS01_PROVIDERS: 'providers' }), 'memory')).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'DNS01_PROVIDERS is "providers"',
      hint: 'give an absolute path',
    })
  })

  test('a provider is loaded only when it is asked for by its name', async () => {
    const { world } = folderWith({ 'loud.mjs': `globalThis.loaded = true\n${code('loud')}` })
    await loadProvider(world, 'memory')
    expect(globalThis).not.toHaveProperty('loaded')
    await loadProvider(world, 'loud')
    expect(globalThis).toHaveProperty('loaded', true)
  })

  test.each<[string, string, string, string]>([
    ['the folder', '.', 'may be changed by everybody', 'chmod o-w FOLDER'],
    ['the file', 'weak.mjs', 'may be changed by everybody', 'chmod o-w FOLDER/weak.mjs'],
  ])('code that everybody may change is not loaded, and the error has the chmod: %s', async (_, path, why, hint) => {
    const { world, folder } = folderWith({ 'weak.mjs': 'throw new Error("it ran")' })
    chmodSync(join(folder, path), 0o777)
    const error = await errorOf(loadProvider(world, 'weak'))
    expect(error).toMatchObject({ code: 'CONFIG', hint: hint.replace('FOLDER', folder) })
    expect(error.message).toContain(`the provider weak is not loaded from ${folder}/weak.mjs: `)
    expect(error.message).toContain(why)
  })

  test("a package whose package.json or code everybody may change is not loaded, nor what is another user's", async () => {
    const { world, folder } = folderWith({
      'node_modules/dns01-provider-a/package.json': packageJson({ main: 'a.js' }),
      'node_modules/dns01-provider-a/a.js': code('a'),
      'node_modules/dns01-provider-b/package.json': packageJson({ main: 'b.js' }),
      'node_modules/dns01-provider-b/b.js': code('b'),
    })
    chmodSync(join(folder, 'node_modules/dns01-provider-a/package.json'), 0o666)
    chmodSync(join(folder, 'node_modules/dns01-provider-b/b.js'), 0o666)
    for (const name of ['a', 'b'])
      expect((await errorOf(loadProvider(world, name))).message).toContain('may be changed by everybody')
    if (self.uid !== 0) return
    const { world: other, folder: theirs } = folderWith({ 'c.mjs': code('c') })
    chownSync(theirs, 65534, 65534)
    await expect(loadProvider(other, 'c')).rejects.toMatchObject({ hint: `chown root ${theirs}` })
  })

  test('a link is followed, and what it leads to must be ours as well', async () => {
    const { folder: elsewhere } = folderWith({ 'real.mjs': code('real') })
    const { world, folder } = folderWith({})
    symlinkSync(join(elsewhere, 'real.mjs'), join(folder, 'linked.mjs'))
    expect((await loadProvider(world, 'linked')).summary).toBe('of others')
    chmodSync(elsewhere, 0o777)
    expect((await errorOf(loadProvider(world, 'linked'))).message).toContain('may be changed by everybody')
  })

  test.each([
    ['export const a = 1', 'is not a provider: it has no default export'],
    ['export default 7', 'is not a provider: its default export: '],
    [code('x').replace('batch: true', 'batch: 1'), 'is not a provider: batch: '],
    [code('x').replace('open:', 'opened:'), 'is not a provider: open: '],
    [code('x').replace("env: ['X_TOKEN']", "env: 'X'"), 'is not a provider: settings.token.env: '],
    ['import "no-such-package"', 'cannot be loaded from FILE: '],
    ['export default {', 'cannot be loaded from FILE: '],
  ])('what is no provider is an error of the user, with what is wrong: %j', async (text, message) => {
    const { world, folder } = folderWith({ 'x.mjs': text })
    const error = await errorOf(loadProvider(world, 'x'))
    expect(error.code).toBe('CONFIG')
    expect(error.message).toContain(message.replace('FILE', `${folder}/x.mjs`))
  })
})

/** What the built files import lazily, as build/commonjs.mjs writes it: esbuild does not minify, so a few shapes are all there are. */
export interface LazyImport {
  /** `./dist-UFWR43LV.js`, from the file that has it. */
  readonly path: string
  /** Names that are taken from the module itself. */
  readonly names: readonly string[]
  /** Names that are taken from its default export. */
  readonly ofDefault: readonly string[]
  /** The line, for whoever has to mend it. */
  readonly line: string
}

const taken = (braces: string): string[] =>
  braces
    .split(',')
    .map(name => name.split(':')[0]?.trim() ?? '')
    .filter(name => name !== '')

/** Imports of `./…` and `../…` in one built file; node's own modules and computed names are left out. */
export function lazyImports(text: string): LazyImport[] {
  return [...text.matchAll(/^.*\bthen\(\(\) => require\("(\.{1,2}\/[^"]+)"\)\).*$/gm)].map(([line, path = '']) => {
    const braces = taken(line.match(/const \{(.*?)\} = /)?.[1] ?? '')
    const [, member] = line.match(/\(await Promise\.resolve\(\)\.then\(\(\) => require\("[^"]+"\)\)\)\.(\w+)/) ?? []
    if (member === undefined) return { path, names: braces, ofDefault: [], line: line.trim() }
    return { path, names: [member], ofDefault: member === 'default' ? braces : [], line: line.trim() }
  })
}

/** Why this import fails at run time; undefined: it does not. `module`: what it exports. */
export function faultOf(
  { names, ofDefault }: LazyImport,
  module: Readonly<Record<string, unknown>>,
): string | undefined {
  const exported = Object.keys(module)
  const commonJs = exported.join() === 'default' // esbuild cannot know more names of a CommonJS package
  if (commonJs && !names.includes('default')) return 'a CommonJS package has a default export only: take .default'
  const lacking = names.filter(name => !exported.includes(name))
  const inside = (module.default ?? {}) as Readonly<Record<string, unknown>>
  const lackingInside = ofDefault.filter(name => inside[name] === undefined)
  const all = [...lacking, ...lackingInside.map(name => `default.${name}`)]
  return all.length > 0 ? `it has no ${all.join(', ')}` : undefined
}

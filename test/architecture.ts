/** The import rule and its company, as pure functions: what the test of the same name holds our sources to. */

/** Level of each unit (a file of src/, or a folder of it). A file imports from lower levels, and from its own folder. */
export const LEVELS: Readonly<Record<string, number>> = {
  gate: 0,
  errors: 0,
  names: 0,
  records: 0,
  target: 0,
  world: 0,
  retry: 0,
  settle: 0,
  suggest: 0,
  'target-edit': 0,
  'target-file': 0,
  'secret-file': 0,
  'yaml-text': 0,
  trust: 0,
  acme: 1,
  dns: 1,
  x509: 1,
  state: 1,
  'env-file': 1,
  provider: 1,
  hooks: 1,
  commands: 3,
  cli: 4,
  foreign: 4,
  'usage-error': 4,
  'hook-line': 4,
  flags: 4,
  main: 4,
  start: 4,
}

/** Level 2, in order: each file imports only from those above it. */
export const STORY = [
  'target-files',
  'import-keys',
  'certbot',
  'import-certbot',
  'dns-settings',
  'dns-config',
  'provider-choice',
  'provider-loader',
  'journal-trust',
  'dns-check',
  'provider-report',
  'serve-dns',
  'dns-view',
  'progress',
  'zone-line',
  'publisher',
  'hook-call',
  'hook-notes',
  'certificate-authorities',
  'accounts',
  'revoke',
  'plan',
  'ca-limits',
  'back-off',
  'outlook',
  'allowance',
  'patience',
  'live',
  'going-live',
  'run-limit',
  'cull',
  'prove',
  'issue',
  'remember',
  'resume',
  'slots',
  'reconcile',
  'status',
  'status-text',
  'probe',
  'session',
  'renewal-pause',
  'hook-run',
  'quickstart',
  'summary',
  'failure-text',
  'report',
]

/** The only ways sideways in level 1. */
const SIDEWAYS: Readonly<Record<string, readonly string[]>> = {
  state: ['x509'],
  acme: ['x509'],
  provider: ['hooks'],
}

/** Each of these libraries is wrapped in one place of ours, so that it can be changed there. */
const LIBRARIES: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-route-53': ['providers/route53'],
  '@clack/prompts': ['src/real-'],
  'acme-client': ['src/acme/'],
  dns2: ['src/dns/', 'src/real-dns'],
  dotenv: ['src/env-file.ts'],
  'p-retry': ['src/retry.ts'],
  yargs: ['src/cli.ts', 'src/commands/command.ts'],
}

const DOORS = /^src\/(real-[\w-]+|main|start|provider-loader)\.ts$/

const FORBIDDEN_MODULES = /^(node:)?(fs|dns|net|dgram|https?|http2|tls|child_process|timers|process)(\/.*)?$/

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['Date.now', /\bDate\s*\.\s*now\b/],
  ['new Date()', /\bnew\s+Date\s*(\(\s*\)|(?![\w\s(]))/],
  ['Math.random', /\bMath\s*\.\s*random\b/],
  ['randomBytes', /\brandom(Bytes|UUID|Int|FillSync)\b|\bgetRandomValues\b/],
  ['setTimeout', /\bset(Timeout|Interval)\b/],
  ['process', /(?<![.\w$'-])process\b(?!\s*[:(-])/],
  ['fetch(', /(?<![.\w$])fetch\s*\(/],
]

/** `({ fetch }: Pick<World, 'fetch'>)` or `const { fetch } = world`: then `fetch(` is World's. */
const OWN_FETCH = /\{[^{}]*\bfetch\b[^{}]*\}\s*(:\s*(World|Pick)\b|=\s*world\b)/

const MAKES_KEYS = /\bgenerateKey(Pair)?(Sync)?\s*\(|\bgenerateKeyPair\b/

/** What is wrong with one file, in words; empty when nothing is. `path` as `src/dns/zone.ts`, `providers/route53.ts`. */
export function faults(path: string, source: string): string[] {
  const found = importsOf(source).map(specifier => importFault(path, specifier))
  if (path.startsWith('src/') && levelOf(path) === undefined) {
    found.push(`${path} has no level: add it to LEVELS or STORY in test/architecture.ts`)
  }
  const code = codeOnly(source)
  if (!DOORS.test(path)) {
    for (const [what, pattern] of FORBIDDEN) {
      if (pattern.test(code) && !(what === 'fetch(' && OWN_FETCH.test(code)))
        found.push(`${path} uses ${what}: take it from World`)
    }
  }
  if (path !== 'src/x509/keys.ts' && MAKES_KEYS.test(code.replace(/\bgenerateKey\(/g, ''))) {
    found.push(`${path} makes a key: only src/x509/keys.ts does`)
  }
  return found.filter(fault => fault !== undefined)
}

function importFault(path: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return moduleFault(path, specifier)
  const imported = resolve(path, specifier)
  if (path.startsWith('providers/')) {
    const own = path.replace(/\.ts$/, '').split('/').slice(0, 2).join('/')
    if (imported === 'src/provider.ts' || imported.startsWith(`${own}/`)) return undefined
    return `${path} imports ${imported}: a provider knows src/provider.ts and its own folder only`
  }
  if (allowed(path, imported)) return undefined
  return `${path} imports ${imported}: never up, and sideways only by the table in test/architecture.ts`
}

function moduleFault(path: string, specifier: string): string | undefined {
  if (FORBIDDEN_MODULES.test(specifier) && !DOORS.test(path)) return `${path} imports ${specifier}: take it from World`
  const library = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  const homes = LIBRARIES[library]
  if (homes === undefined || homes.some(home => path.startsWith(home))) return undefined
  return `${path} imports ${library}: only ${homes.join(' and ')} may`
}

function allowed(from: string, to: string): boolean {
  if (!to.startsWith('src/')) return to === 'package.json' || (from === 'src/start.ts' && to === 'node-version.mjs')
  const [own, other] = [unitOf(from), unitOf(to)]
  if (own === other) return true
  const [ownLevel, otherLevel] = [levelOf(from), levelOf(to)]
  if (ownLevel === undefined || otherLevel === undefined) return true // told once, as a file without a level
  if (ownLevel !== otherLevel) return otherLevel < ownLevel
  if (ownLevel === 1) return SIDEWAYS[own]?.includes(other) ?? false
  if (ownLevel === 2) return STORY.indexOf(other) < STORY.indexOf(own)
  return true
}

/** `src/dns/zone.ts` → dns, `src/plan.ts` → plan. */
const unitOf = (path: string): string => path.split('/')[1]?.replace(/\.ts$/, '') ?? ''

export function levelOf(path: string): number | undefined {
  const unit = unitOf(path)
  if (unit.startsWith('real-')) return 4
  return STORY.includes(unit) ? 2 : LEVELS[unit]
}

function resolve(path: string, specifier: string): string {
  const parts = path.split('/').slice(0, -1)
  for (const part of specifier.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.') parts.push(part)
  }
  return parts.join('/').replace(/\.js$/, '.ts')
}

/** Every module a TypeScript source names: import, export from, import(), types included. */
export function importsOf(source: string): string[] {
  const code = codeOnly(source, 'keep strings')
  const patterns = [
    /\b(?:import|export)\s+(?:type\s+)?(?:[\w$*{}\s,]+?)\s*from\s*['"]([^'"\n]+)['"]/g,
    /\bimport\s*['"]([^'"\n]+)['"]/g,
    /\bimport\s*\(\s*['"`]([^'"`\n]+)['"`]/g,
  ]
  return patterns.flatMap(pattern => [...code.matchAll(pattern)].map(match => match[1] ?? ''))
}

const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|(?<=[=(,:;!&|?{}[\n]\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[*])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])*\/[a-z]*|[`{}]/g

/** The source without comments, regular expressions and text; what stands in `${}` of a template is code, and stays. */
export function codeOnly(source: string, strings: 'keep strings' | 'drop strings' = 'drop strings'): string {
  let code = ''
  let at = 0
  const braces: ('block' | 'template')[] = []
  /** From just after a backtick, or a template's closing brace, to its next `${` or its end. */
  const skipText = (from: number): number => {
    const end = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*/y
    end.lastIndex = from
    const text = end.exec(source)?.[0] ?? ''
    if (strings === 'keep strings') code += text
    const next = from + text.length
    if (source.startsWith('${', next)) {
      braces.push('template')
      code += ' ('
      return next + 2
    }
    code += '`'
    return next + 1
  }
  for (;;) {
    TOKEN.lastIndex = at
    const match = TOKEN.exec(source)
    if (match === null) return code + source.slice(at)
    const token = match[0]
    code += source.slice(at, match.index)
    at = match.index + token.length
    if (token === '`') {
      code += '`'
      at = skipText(at)
    } else if (token === '{') {
      braces.push('block')
      code += token
    } else if (token === '}') {
      code += braces.at(-1) === 'template' ? ') ' : token
      if (braces.pop() === 'template') at = skipText(at)
    } else if (/^['"]/.test(token)) code += strings === 'keep strings' ? token : "''"
    else code += ' '
  }
}

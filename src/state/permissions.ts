// Which mode and owner each path of the state directory must have: acmetool's built-in rules and those of conf/perm.
// Only the rules are here; conform.ts and disk.ts apply them.
import { Dns01Error } from '../core/errors.js'
import { isHidden } from './layout.js'

/** What a thing below the state directory must be like. Owners are left alone where the rule names none. */
export interface Rule {
  /** A glob on the path below the root; `*` does not match `/`. It governs what it matches and everything below. */
  readonly pattern: string
  readonly fileMode: number
  readonly folderMode: number
  readonly uid?: number | undefined
  readonly gid?: number | undefined
  /**
   * The line of conf/perm that it comes from, `conf/perm:1 (keys 0640 0750)`: only such a rule gives rights to more
   * than the schema does.
   */
  readonly given?: string | undefined
}

/**
 * acmetool, too, passes only these on: a file with setuid in a directory that another user fills would make that user
 * root.
 */
const mostOfFile = 0o777
/** setgid on a folder hands its group on, which is what a group that shares targets wants. */
const mostOfFolder = 0o2777

const rule = (pattern: string, fileMode: number, folderMode: number): Rule => ({ pattern, fileMode, folderMode })

/** acmetool's built-in modes. A line of conf/perm with the same pattern takes the place of one. */
const BUILT_IN: readonly Rule[] = [
  rule('.', 0o644, 0o755),
  rule('accounts', 0o600, 0o700),
  rule('desired', 0o644, 0o755),
  rule('live', 0o644, 0o755),
  rule('certs', 0o644, 0o755),
  rule('certs/*/haproxy', 0o600, 0o700),
  rule('keys', 0o600, 0o700),
  rule('conf', 0o644, 0o755),
  rule('tmp', 0o600, 0o700),
]

/** Ours alone, and not subject to conf/perm: a journal that a group may write could start programs. */
const PRIVATE = rule('.dns01', 0o600, 0o700)

/** The rules in force. The deepest level at which a pattern matches decides; there, the longest pattern text. */
export interface Permissions {
  readonly rules: readonly Rule[]
  /** The rule for a path below the root; `.` is the root. */
  of(path: string): Rule
  /** The same, for an entry of a folder whose rule is known already: what a walk over 100,000 entries can afford. */
  below(folderRule: Rule, path: string): Rule
}

/** Matching is done for each of 100,000 entries: a pattern becomes a function once. */
interface Compiled {
  readonly rule: Rule
  readonly matches: (path: string) => boolean
}

/** By depth first, then the longest pattern: so a file is held against the few rules that can be about it. Pure. */
export function permissions(rules: readonly Rule[] = BUILT_IN): Permissions {
  const byDepth = new Map<number, Compiled[]>()
  for (const each of [...rules].sort((a, b) => b.pattern.length - a.pattern.length)) {
    const compiled = { rule: each, matches: matcher(each.pattern) }
    byDepth.set(depthOf(each.pattern), [...(byDepth.get(depthOf(each.pattern)) ?? []), compiled])
  }
  const root = rules.find(r => r.pattern === '.') ?? rule('.', 0o644, 0o755)
  const below = (folderRule: Rule, path: string): Rule =>
    byDepth.get(depthOf(path))?.find(c => c.matches(path))?.rule ?? folderRule
  return {
    rules,
    below,
    of(path) {
      if (path === '.') return root
      if (isHidden(path)) return PRIVATE
      const parts = path.split('/')
      return parts.reduce((found, _, i) => below(found, parts.slice(0, i + 1).join('/')), root)
    },
  }
}

/** Of a path or a pattern; only patterns of the same depth can match, which leaves one or two to be tried. */
function depthOf(path: string): number {
  let depth = path === '.' ? 0 : 1
  for (let i = path.indexOf('/'); i >= 0; i = path.indexOf('/', i + 1)) depth++
  return depth
}

/** Go's filepath.Match: `*`, `?`, `[a-z]`, `[^a-z]`, `\x`. */
function matcher(pattern: string): (path: string) => boolean {
  if (!/[*?[\\]/.test(pattern)) return path => path === pattern
  const source = pattern.replace(/\*|\?|\[\^?(?:\\.|[^\]\\])+\]|\\(.)|[\s\S]/g, (part, escaped?: string) => {
    if (part === '*') return '[^/]*'
    if (part === '?') return '[^/]'
    if (part.length > 2 && part.startsWith('[')) return part
    return (escaped ?? part).replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
  })
  const regexp = new RegExp(`^${source}$`, 'u')
  return path => regexp.test(path)
}

/** Looks up user and group names; undefined: there is none of that name. */
export interface Owners {
  uid(user: string): number | undefined
  gid(group: string): number | undefined
  /** What `$r` stands for. */
  readonly running: { readonly uid: number; readonly gid: number }
  /** Of the state directory; whoever that is could have written conf/perm. */
  readonly directory?: number | undefined
}

/** PATTERN FILEMODE FOLDERMODE [USER GROUP] or PATTERN inherit; modes are octal, as in chmod(1). */
const LINE = /^(\S+)\s+(?:inherit|([0-7]{3,4})\s+([0-7]{3,4})(?:\s+(\S+)\s+(\S+))?)$/

/**
 * Reads conf/perm: lines `PATTERN FILEMODE DIRMODE [USER GROUP]` or `PATTERN inherit`.
 * @throws Dns01Error CONFIG with file and line for what acmetool stops at: a bad line, a pattern twice, a path out of
 * the directory, an unknown owner
 */
export function parsePermissions(text: string, owners: Owners): { permissions: Permissions; warnings: string[] } {
  const own = new Map<string, Rule | 'inherit'>()
  const lines = text.split('\n')
  lines.forEach((raw, i) => {
    const line = raw.trim()
    if (line === '' || line.startsWith('#')) return
    const [pattern, value] = parseLine(line, owners, why => bad(i + 1, line, why))
    const given = `conf/perm:${i + 1} (${line})`
    if (own.has(pattern)) throw bad(i + 1, line, `there is a line for ${pattern} already`)
    own.set(pattern, value === 'inherit' ? value : { ...value, given })
  })
  const last = lines.at(-1)?.trim() ?? ''
  const rules = [...BUILT_IN.filter(r => !own.has(r.pattern)), ...[...own.values()].filter(r => r !== 'inherit')]
  return {
    permissions: permissions(rules),
    warnings:
      last === '' || last.startsWith('#')
        ? []
        : [`conf/perm:${lines.length}: no newline at the end of the last line; acmetool ignores such a line`],
  }
}

const bad = (line: number, text: string, why: string): Dns01Error =>
  new Dns01Error('CONFIG', `conf/perm:${line}: ${why}: ${JSON.stringify(text)}`, {
    hint: 'a line is PATTERN FILEMODE DIRMODE [USER GROUP] or PATTERN inherit, such as: keys/*/privkey 0640 0750 root ssl-cert',
  })

/** A rule that lets root hand files of a stranger's directory to root would make that stranger root; it is refused. */
function parseLine(line: string, owners: Owners, wrong: (why: string) => Dns01Error): [string, Rule | 'inherit'] {
  const [whole, path, fileMode, folderMode, user, group] = line.match(LINE) ?? []
  if (whole === undefined || path === undefined) throw wrong('cannot read this')
  const pattern = clean(path)
  if (path.startsWith('/') || pattern === '..' || pattern.startsWith('../'))
    throw wrong('the path is not below the state directory')
  if (fileMode === undefined || folderMode === undefined) return [pattern, 'inherit']
  const uid = owner(user, owners.running.uid, owners.uid)
  const gid = owner(group, owners.running.gid, owners.gid)
  if (uid === null) throw wrong(`there is no user ${user}`)
  if (gid === null) throw wrong(`there is no group ${group}`)
  if (uid === 0 && owners.running.uid === 0 && (owners.directory ?? 0) !== 0)
    throw wrong(`the directory belongs to user ${owners.directory}, whose files root does not make its own`)
  const modes = { fileMode: Number.parseInt(fileMode, 8), folderMode: Number.parseInt(folderMode, 8) }
  if ((modes.fileMode & ~mostOfFile) !== 0) throw wrong('the mode of files is at most 0777')
  if ((modes.folderMode & ~mostOfFolder) !== 0) throw wrong('the mode of folders is at most 2777')
  return [pattern, { pattern, ...modes, uid, gid }]
}

/** undefined: do not care; null: unknown. */
function owner(
  text: string | undefined,
  running: number,
  lookUp: (name: string) => number | undefined,
): number | undefined | null {
  if (text === undefined || text === '-') return undefined
  if (text === '$r') return running
  return /^\d+$/.test(text) ? Number(text) : (lookUp(text) ?? null)
}

/** Without `.`, `//` and a final slash, `..` resolved. */
function clean(path: string): string {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else parts.push(part)
  }
  return parts.join('/') || '.'
}

/** Owners from the text of /etc/passwd and /etc/group: NAME:…:ID:… in both. */
export function ownersFrom(passwd: string, group: string, running: Owners['running']): Owners {
  const find = (table: string, name: string): number | undefined => {
    const line = table.split('\n').find(l => l.startsWith(`${name}:`))
    return line === undefined ? undefined : Number(line.split(':')[2])
  }
  return { uid: user => find(passwd, user), gid: name => find(group, name), running }
}

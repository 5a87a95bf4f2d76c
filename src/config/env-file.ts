// Reads the env file, which gives cron the settings that a login shell would have. The same file is read by sh,
// systemd and Docker, so what they read differently is refused here instead of guessed.
import { Dns01Error } from '../core/errors.js'
import type { Files, World } from '../core/world.js'
import { readSecretFile } from './secret-file.js'

const standardEnvFile = '/etc/dns01/env'

/**
 * The environment with an env file's lines added; what is set already wins. The file: --env-file, DNS01_ENV_FILE, else
 * /etc/dns01/env if there is one that this user may read (it is often root's alone, and so needs no mention).
 * @throws Dns01Error CONFIG when it cannot be read, or others can read it (it may hold secrets)
 */
export async function loadEnv(
  files: Pick<Files, 'info' | 'read' | 'readLink'>,
  env: World['env'],
  flag: string | undefined,
): Promise<World['env']> {
  const named = flag ?? env.DNS01_ENV_FILE
  const path = named || standardEnvFile
  const found = look(files, path)
  if (!named && found !== 'there') return env
  if (found === 'missing')
    throw new Dns01Error('CONFIG', `there is no env file ${path}`, { hint: 'see --env-file and DNS01_ENV_FILE' })
  const { parse } = (await import('dotenv')).default
  return { ...valuesOf(parse, readSecretFile(files, path, 'the env file'), path), ...env }
}

/** One setting: its text, which in quotes may go over several lines, and its value where dotenv would cut it. */
interface Entry {
  readonly name: string
  readonly text: string
  readonly whole?: string
}

const inSingleQuotes = 'write it in single quotes, which keep every character'

/**
 * dotenv reads the values; what it would pass over or change in silence is refused or kept here. Such a file is also read
 * by sh, systemd (EnvironmentFile=) and Docker, and they differ on backslashes, backquotes and what follows a quote: there
 * the error says how to write it so that all agree. On `#` only dotenv differs: it is a comment after white space alone, so
 * `abc#def` is kept. Not our own parser for all of it: dotenv's quotes, line breaks and `export` are what people know.
 * @throws Dns01Error CONFIG with the number of the line, and never its value: it may be a secret
 */
function valuesOf(parse: typeof import('dotenv').parse, text: string, path: string): Record<string, string> {
  const lines = text.replaceAll(/\r\n?/g, '\n').split('\n')
  const values: Record<string, string> = {}
  for (let at = 0; at < lines.length; at++) {
    if (/^\s*(#|$)/.test(lines[at] ?? '')) continue
    const { name, text, whole } = entryAt(lines, at, `line ${at + 1} of the env file ${path}`)
    Object.assign(values, whole === undefined ? parse(text) : { [name]: whole })
    at += text.split('\n').length - 1
  }
  return values
}

function entryAt(lines: readonly string[], at: number, where: string): Entry {
  const line = lines[at] ?? ''
  const [, name, value = ''] = line.match(/^\s*(?:export\s+)?([\w.-]+)\s*=(.*)$/) ?? []
  if (name === undefined)
    throw new Dns01Error('CONFIG', `${where} is not NAME=value`, {
      hint: 'a comment begins with #; a value of several lines needs quotes',
    })
  const refuse = (why: string): Dns01Error =>
    new Dns01Error('CONFIG', `${where}: the value of ${name} ${why}`, { hint: inSingleQuotes })
  const first = value.trimStart()[0] ?? ''
  if (first === '`') throw refuse('begins with a backquote')
  if (first !== '"' && first !== "'")
    return value.includes('#') ? { name, text: line, whole: value.replace(/\s#.*$/, '').trim() } : { name, text: line }
  const all = lines.slice(at).join('\n')
  const opens = all.indexOf(first, line.length - value.length)
  const closes = all.indexOf(first, opens + 1)
  if (closes < 0) throw refuse(`has no closing ${first}`)
  if (first === '"' && all.slice(opens, closes).includes('\\')) throw refuse('has a backslash in double quotes')
  const behind = all.slice(closes + 1).split('\n')[0] ?? ''
  if (!/^\s*$|^\s+#/.test(behind)) throw refuse(`goes on after the closing ${first}`)
  return { name, text: all.slice(0, closes + 1) }
}

function look(files: Pick<Files, 'info' | 'read'>, path: string): 'missing' | 'denied' | 'there' {
  try {
    if (!files.info(path)) return 'missing'
    files.read(path)
    return 'there'
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'denied' : 'there'
  }
}

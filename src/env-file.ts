import { Dns01Error } from './errors.js'
import { readSecretFile } from './secret-file.js'
import type { Files, World } from './world.js'

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
  return { ...parse(readSecretFile(files, path, 'the env file')), ...env }
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

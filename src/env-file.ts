import { Dns01Error } from './errors.js'
import type { Files, World } from './world.js'

const standardEnvFile = '/etc/dns01/env'

/**
 * The environment with an env file's lines added; what is set already wins. The file: --env-file, DNS01_ENV_FILE, else
 * /etc/dns01/env if there is one.
 * @throws Dns01Error CONFIG when it cannot be read, or others can read it (it may hold secrets)
 */
export async function loadEnv(
  files: Pick<Files, 'info' | 'read'>,
  env: World['env'],
  flag: string | undefined,
): Promise<World['env']> {
  const named = flag ?? env.DNS01_ENV_FILE
  const path = named || standardEnvFile
  const info = files.info(path)
  if (!info) {
    if (!named) return env
    throw new Dns01Error('CONFIG', `there is no env file ${path}`, { hint: 'see --env-file and DNS01_ENV_FILE' })
  }
  if (info.kind === 'file' && (info.mode & 0o007) !== 0) {
    throw new Dns01Error('CONFIG', `the env file ${path} can be read by everybody, and may hold secrets`, {
      hint: `chmod 600 ${path}`,
    })
  }
  const { parse } = (await import('dotenv')).default
  return { ...parse(Buffer.from(readText(files, path))), ...env }
}

function readText(files: Pick<Files, 'read'>, path: string): Uint8Array {
  try {
    return files.read(path)
  } catch (cause) {
    throw new Dns01Error('CONFIG', `cannot read the env file ${path}: ${(cause as Error).message}`, { cause })
  }
}

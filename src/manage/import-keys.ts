/** Private keys from files that somebody names, taken into the state directory as certificate keys or as accounts. */

import { resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { StateDir } from '../state/state-dir.js'
import { faultOfPrivateKey } from '../x509/key-strength.js'
import { type KeyPair, parseJwk, parseKey } from '../x509/keys.js'

/** Puts the private key of a PEM file into keys/. Returns its id. @throws Dns01Error USAGE, naming the file */
export async function importKey(world: Pick<World, 'files'>, state: StateDir, file: string): Promise<string> {
  const key = keyIn(world, file, parseKey)
  await state.addKey(key)
  return key.id
}

/** Makes the key of a file an account of that CA; nobody is asked. Returns SERVER/KEYID. @throws Dns01Error USAGE, CONFIG */
export async function importAccount(
  world: Pick<World, 'files'>,
  state: StateDir,
  account: { readonly directoryUrl: string; readonly file: string; readonly form: 'pem' | 'jwk' },
): Promise<string> {
  const key = keyIn(world, account.file, account.form === 'pem' ? parseKey : parseJwk)
  return state.addAccount(account.directoryUrl, key)
}

/** The private key in a file. @throws Dns01Error USAGE, naming the file */
export function keyIn({ files }: Pick<World, 'files'>, file: string, parse: (text: string) => KeyPair): KeyPair {
  const key = readBy(parse, files, file)
  // here, and not where keys of the state directory are read: what is in use there is for its CA to judge
  const fault = faultOfPrivateKey(key.pem)
  if (fault) throw new Dns01Error('USAGE', `${file}: its ${fault.what}`, { hint: fault.hint })
  return key
}

function readBy(parse: (text: string) => KeyPair, files: World['files'], file: string): KeyPair {
  try {
    return parse(Buffer.from(files.read(resolve(file))).toString('utf8'))
  } catch (cause) {
    const hint = cause instanceof Dns01Error ? cause.hint?.replaceAll('FILE', file) : undefined
    throw new Dns01Error('USAGE', `${file}: ${messageOf(cause)}`, { cause, hint })
  }
}

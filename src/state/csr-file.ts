// The file that request.csr leads to: a certificate request that a device, or somebody who keeps the key elsewhere, has
// made. It decides whose key gets a certificate and for which names; so it is trusted like a target itself.
import { resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Csr } from '../core/target.js'
import { weakness } from '../core/trust.js'
import type { World } from '../core/world.js'
import { longestCsrBytes, readCsr } from '../x509/read-csr.js'

/**
 * The request at `path`, which is relative to the state directory, or absolute. Who can change the state directory, or a
 * folder above it, can change the target as well: beyond that, only root and we may be able to change the file.
 * @throws Dns01Error CONFIG
 */
export function readCsrFile(world: Pick<World, 'files' | 'self'>, root: string, path: string): Csr {
  const file = resolve(root, path)
  const hint = 'put it there, or correct the path; dns01 want --csr FILE keeps a copy here'
  const weak = looking(hint, () => weakness(world, file))
  if (weak && !isInside(weak.path, root) && !isInside(root, weak.path))
    throw new Dns01Error(
      'CONFIG',
      `it says which key gets the certificate, but ${weak.path === file ? 'it' : weak.path} ${weak.why}`,
      { hint: `${weak.hint}; or dns01 want --csr ${file}, which keeps a copy` },
    )
  return { path, ...readCsr(bytesOf(world, file, hint)) }
}

/** What a command was given. @throws Dns01Error CONFIG */
export const readGivenCsr = (world: Pick<World, 'files'>, path: string): Omit<Csr, 'path'> =>
  readCsr(bytesOf(world, resolve(path), 'give the path of a certificate request, PEM or DER'))

function bytesOf({ files }: Pick<World, 'files'>, file: string, hint: string): Uint8Array {
  const { sizeBytes = 0 } = looking(hint, () => files.info(file)) ?? {}
  if (sizeBytes > longestCsrBytes)
    throw new Dns01Error('CONFIG', `it is ${sizeBytes} bytes long: too much for a certificate request`)
  return looking(hint, () => files.readPlain(file))
}

/** Whatever the system has against it is the trouble of the one target that names the file. */
function looking<T>(hint: string, look: () => T): T {
  try {
    return look()
  } catch (cause) {
    throw new Dns01Error('CONFIG', `it cannot be read: ${messageOf(cause)}`, { hint, cause })
  }
}

const isInside = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

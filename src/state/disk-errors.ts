// What a failure of the disk means to the person who reads of it, and what to do. The codes are errno(3)'s, and a few
// that platform/files.ts makes for what it refuses to touch.
import { Dns01Error } from '../core/errors.js'

/** `ENOENT` and the like; '' for what is not an error of the system. */
export const errno = (error: unknown): string => String((error as { code?: unknown } | null)?.code ?? '')

/** Both EACCES and EPERM mostly mean: run by hand as somebody else than cron runs it. */
const notOwner = 'run as the user who owns the state directory, mostly root, or choose another one with --state'

/** Of each code what it means here, and what helps. Those that are not listed are told as the system says them. */
const MEANING: Readonly<Record<string, { says: string; hint: (path: string) => string }>> = {
  ENOSPC: { says: 'the disk is full', hint: path => `free some space on the file system of ${path}` },
  EDQUOT: { says: 'the disk quota is used up', hint: path => `free some space on the file system of ${path}` },
  EROFS: {
    says: 'the file system is read-only',
    hint: path => `remount the file system of ${path} for writing, or choose another directory with --state`,
  },
  EACCES: {
    says: 'permission denied',
    hint: () => notOwner,
  },
  EPERM: {
    says: 'not permitted',
    hint: () => notOwner,
  },
  ENOTDIR: { says: 'there is a file where a folder must be', hint: path => `look at ${path} and the folders above it` },
  EISDIR: { says: 'there is a folder where a file must be', hint: path => `move ${path} out of the way` },
  ENOTEMPTY: { says: 'there is a folder already', hint: path => `move ${path} out of the way` },
  EEXIST: { says: 'there is something already', hint: path => `move ${path} out of the way` },
  ENOENT: { says: 'it is gone', hint: () => 'another program changed the state directory; run again' },
  EFTYPE: { says: 'it is not a file, but a FIFO, a socket or a device', hint: path => `move ${path} out of the way` },
  ESTALE: { says: 'something else is there than a moment ago', hint: () => 'who else writes there? run again' },
  ELOOP: { says: 'there is a link', hint: path => `put in place of ${path} what it leads to` },
  EMLINK: { says: 'the file has another name elsewhere (a hard link)', hint: path => `replace ${path} by a copy` },
  EMFILE: { says: 'too many open files', hint: () => 'raise the limit (ulimit -n)' },
  EIO: { says: 'the disk failed', hint: () => 'look into the kernel log' },
}

/** Any failure of the disk as STATE, in words. A BUG or an error of ours passes as it is. */
export function stateError(doing: string, path: string, error: unknown): unknown {
  const code = errno(error)
  if (error instanceof Dns01Error || !/^E[A-Z0-9]+$/.test(code)) return error
  const meaning = MEANING[code]
  return new Dns01Error(
    'STATE',
    `${doing} ${path}: ${meaning ? `${meaning.says} (${code})` : (error as Error).message}`,
    {
      hint: meaning?.hint(path),
      cause: error,
    },
  )
}

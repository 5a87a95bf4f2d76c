import type { Clock, Dns, Files, Self, Tls, World } from '../../src/core/world.js'
import { fakeLog } from './log.js'

const none = (what: string) => (): never => {
  throw new Error(`the World of this test has no ${what}`)
}

const noClock: Clock = {
  now: none('clock.now'),
  sleep: none('clock.sleep'),
  deadline: () => new AbortController().signal,
}

const noDns: Dns = {
  query: none('dns.query'),
  exchange: none('dns.exchange'),
  serve: none('dns.serve'),
  systemResolvers: none('dns.systemResolvers'),
}

export const noTls: Tls = { connect: none('tls.connect'), trustedCas: none('tls.trustedCas') }

const noFiles: Files = {
  list: none('files.list'),
  info: none('files.info'),
  read: none('files.read'),
  readPlain: none('files.readPlain'),
  readWithInfo: none('files.readWithInfo'),
  readLink: none('files.readLink'),
  makeFolder: none('files.makeFolder'),
  writeNew: none('files.writeNew'),
  symlink: none('files.symlink'),
  rename: none('files.rename'),
  remove: none('files.remove'),
  setRights: none('files.setRights'),
  syncFolder: none('files.syncFolder'),
  hardLink: none('files.hardLink'),
}

const root: Self = {
  pid: 1,
  pidNamespace: 'pid:[1]',
  host: 'here',
  uid: 0,
  gid: 0,
  program: ['dns01'],
  alive: pid => pid === 1,
}

interface Parts extends Partial<Omit<World, 'clock' | 'dns' | 'files' | 'self'>> {
  readonly clock?: Partial<Clock>
  readonly dns?: Partial<Dns>
  readonly files?: Partial<Files>
  readonly self?: Partial<Self>
}

/**
 * A World that has what the test gives it. Of what it does not give, the environment is empty, nobody hears the log, and
 * root asks; every other call fails the test that makes it, and says which it was.
 */
export function fakeWorld(parts: Parts = {}): World {
  return {
    fetch: none('fetch'),
    tls: noTls,
    run: none('run'),
    mail: { compose: none('mail.compose'), send: none('mail.send') },
    random: none('random'),
    env: {},
    log: fakeLog(),
    ...parts,
    clock: whole(parts.clock, noClock),
    dns: whole(parts.dns, noDns),
    files: whole(parts.files, noFiles),
    self: whole(parts.self, root),
  }
}

/** What has all its parts stays the object that it is, since a test may change it later. */
function whole<T extends object>(given: Partial<T> | undefined, missing: T): T {
  const isWhole = (some: Partial<T>): some is T => Object.keys(missing).every(key => key in some)
  if (given && isWhole(given)) return given
  return { ...missing, ...given }
}

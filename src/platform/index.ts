/** The real World: the one place where clock, network, disk and child processes are put together for a run. */

import { randomBytes } from 'node:crypto'
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Fetch, Log, Mail, Prompt, Self, World } from '../core/world.js'
import { realClock } from './clock.js'
import { openDns } from './dns.js'
import { openFiles } from './files.js'
import { openTls } from './lines.js'
import { openRun } from './process.js'

export interface RealWorldOptions {
  readonly env: World['env']
  readonly log: Log
  readonly prompt?: Prompt | undefined
  /** How this program is called again: node, `--` (else node takes our --env-file for its own), its script. */
  readonly program: readonly string[]
}

/**
 * The World made of node:fs, node:https, dns2, timers and child_process. What most runs do not need is loaded when it is first
 * asked for: cron starts this program each hour, mostly to find nothing due.
 */
export function realWorld({ env, log, prompt, program }: RealWorldOptions): World {
  const fetch = openLater(async () => (await import('./fetch.js')).openFetch({ env }))
  const mail = async (): Promise<Mail> => (await import('./mail.js')).openMail({ env })
  return {
    clock: realClock,
    fetch,
    dns: openDns({ fetch }),
    tls: openTls({ env }),
    files: openFiles(),
    random: bytes => randomBytes(bytes),
    run: openRun(),
    mail: {
      compose: async message => (await mail()).compose(message),
      send: async (message, server, signal) => (await mail()).send(message, server, signal),
    },
    env,
    self: realSelf(program),
    log,
    prompt,
    become: (user, theirs) => {
      process.chdir('/') // theirs may not be where root was
      initgroups(user.name, user.gid)
      process.setgid?.(user.gid)
      process.setuid?.(user.uid)
      for (const [name, value] of Object.entries(theirs)) {
        if (value === undefined) delete process.env[name]
        else process.env[name] = value // the AWS SDK looks there
      }
      return realWorld({ env: theirs, log, prompt, program })
    },
  }
}

/** Its own groups in place of root's (initgroups(3)). @types/node 20 lacks it. */
function initgroups(user: string, gid: number): void {
  const { initgroups: set } = process as { initgroups?: (user: string, gid: number) => void }
  set?.call(process, user, gid)
}

/** As /proc calls it; '' where there is no such thing. A pid of the lock says nothing to a process in another container. */
function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** node's https takes 8 ms and 3 MB, which a run that asks nobody need not have. */
function openLater(open: () => Promise<Fetch>): Fetch {
  let opened: Promise<Fetch> | undefined
  return async (url, request) => {
    opened ??= open()
    return (await opened)(url, request)
  }
}

/** Who we are. `alive`: a process of another user counts, too, of which kill(2) says EPERM. */
const realSelf = (program: readonly string[]): Self => ({
  pid: process.pid,
  pidNamespace: pidNamespace(),
  host: hostname(),
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  program,
  alive: pid => {
    try {
      process.kill(pid, 0)
      return true
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM'
    }
  },
})

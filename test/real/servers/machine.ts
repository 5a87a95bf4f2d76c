import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dns01Options, type Dns01Result, startProgram } from './dns01.js'
import { temporaryFolder } from './process.js'

/** A machine of its own for programs that write outside their state directory: root's, but with another /etc and /var/lib. */
export interface Machine {
  /** Where its /etc and /var/lib are, seen from outside. */
  readonly etc: string
  readonly varLib: string
  /** A folder at the same path inside and outside. */
  readonly folder: string
  /** Runs lines of sh inside, up to the first that fails. */
  sh(script: string, options?: Pick<Dns01Options, 'env' | 'stdin' | 'timeoutSeconds'>): Promise<Dns01Result>
  remove(): void
}

/** Starts as a copy of ours without cron lines and ACME hooks, and with nothing in /var/lib. Wants root (mount namespaces). */
export function makeMachine(netns: string | undefined): Machine {
  const { path: folder, remove } = temporaryFolder('machine')
  const inside = (name: string) => join(folder, name)
  mkdirSync(inside('var-lib'))
  writeFileSync(
    inside('enter'),
    `set -e
if [ ! -d ${inside('etc')} ]; then
  mkdir -p ${inside('etc')}/cron.d
  for each in /etc/*; do # in netns others come and go
    case $each in /etc/acme | /etc/dns01 | /etc/cron.* | /etc/netns) ;; *) cp -a $each ${inside('etc')}/ ;; esac
  done
  # it has the processes of the machine around it, and whatever services run there are no matter of the hook reload
  echo SERVICES= >${inside('etc')}/default/acme-reload
fi
mount --bind ${inside('etc')} /etc
mount --bind ${inside('var-lib')} /var/lib
. ${inside('script')}
`,
  )
  return {
    folder,
    etc: inside('etc'),
    varLib: inside('var-lib'),
    sh: (script, options) => {
      writeFileSync(inside('script'), script)
      return startProgram(['unshare', '--mount', 'sh', inside('enter')], { netns, cwd: folder, ...options }).result
    },
    remove,
  }
}

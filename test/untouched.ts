// Set-up for all tests: dns01 is given a place of its own for notes that belong to no state directory, and what the tests
// leave in the machine's own folders is an error. Such a note, found an hour later, once failed 27 other tests.
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ofTheMachine = ['/var/lib/acme', '/var/lib/dns01', '/etc/dns01', '/etc/acme', '/etc/cron.d', '/usr/lib/acme']

export default function setup(): () => void {
  const home = mkdtempSync(join(tmpdir(), 'dns01-notes-'))
  process.env.XDG_STATE_HOME = home
  const before = found()
  return () => {
    rmSync(home, { recursive: true })
    const left = found().filter(line => !before.includes(line))
    if (left.length > 0) throw new Error(`the tests left or changed, outside of their own folders:\n${left.join('\n')}`)
  }
}

const found = (): string[] => ofTheMachine.flatMap(below)

function below(path: string): string[] {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat) return []
  const names = stat.isDirectory() ? readdirSync(path) : []
  return [`${path} ${stat.isDirectory() ? '' : stat.mtimeMs}`, ...names.flatMap(name => below(join(path, name)))]
}

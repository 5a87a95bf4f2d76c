// Set-up for all tests: their folders (test/folder.ts) lie in one, which goes with the run, and dns01 is given a place of
// its own for notes that belong to no state directory. What a program leaves there besides, or in the machine's own
// folders, is an error: such a note, found an hour later, once failed 27 other tests.
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const ours = 'dns01-tests-'
const ofTheMachine = ['/var/lib/acme', '/var/lib/dns01', '/etc/dns01', '/etc/acme', '/etc/cron.d', '/usr/lib/acme']

/** Called for each project of vitest.config.ts; the first call does it for all. */
export default function setup(): (() => void) | undefined {
  if (basename(tmpdir()).startsWith(ours)) return undefined
  const temporary = mkdtempSync(join(tmpdir(), ours))
  const remove = (): void => rmSync(temporary, { recursive: true, force: true })
  process.on('exit', remove)
  chmodSync(temporary, 0o1777) // programs of other users are tested, too
  process.env.TMPDIR = temporary
  process.env.XDG_STATE_HOME = join(temporary, 'notes')
  const before = found()
  return () => {
    const strange = readdirSync(temporary).filter(name => name !== 'notes' && !name.startsWith('dns01-'))
    const left = [...strange, ...found().filter(line => !before.includes(line))]
    remove()
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

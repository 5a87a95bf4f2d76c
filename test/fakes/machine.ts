import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { plain } from '../../src/core/styled.js'
import type { Prompt, RunOptions, World } from '../../src/core/world.js'
import type { Context } from '../../src/renew/run.js'
import { type FakeCa, fakeCa } from './ca.js'
import { MemoryFiles } from './memory-files.js'
import { stateWorld } from './state-world.js'
import { fakeWorld } from './world.js'

const root = join(import.meta.dirname, '../..')

export interface Machine {
  readonly files: MemoryFiles
  readonly ca: FakeCa
  /** `level: message`; notice and worse. */
  readonly said: string[]
  /** Programs that were run: their words, and what they got on standard input. */
  readonly ran: { readonly argv: readonly string[]; readonly input: string }[]
  /** What was shown, as text. */
  readonly shown: string[]
  /** Questions that the prompt was asked, and what it noted. */
  readonly asked: string[]
  readonly context: Context
}

export interface MachineOptions {
  /** Path → text of files that are there. */
  readonly files?: Readonly<Record<string, string>>
  readonly folders?: readonly string[]
  readonly links?: Readonly<Record<string, string>>
  readonly env?: World['env']
  readonly uid?: number
  /** Pieces of a question → answer; a question that none fits fails the test. Without: nobody is there. */
  readonly replies?: Readonly<Record<string, string>>
  readonly run?: (argv: readonly string[], options: RunOptions) => { exit: number; output?: string; stderr?: string }
}

/** A whole machine in memory: disk, CA, who sits there, programs. /etc/cron.d is there, and dns01's own hooks. */
export function machine(options: MachineOptions = {}): Machine {
  const files = new MemoryFiles()
  files.putFolder('/etc/cron.d')
  for (const name of ['reload', 'haproxy', 'copy', 'push'])
    files.put(join(root, 'hooks', name), readFileSync(join(root, 'hooks', name), 'utf8'), 0o755)
  for (const folder of options.folders ?? []) files.putFolder(folder)
  for (const [path, text] of Object.entries(options.files ?? {})) files.put(path, text)
  for (const [path, target] of Object.entries(options.links ?? {})) files.putLink(path, target)
  const fake = stateWorld(files)
  const ca = fakeCa()
  const asked: string[] = []
  const ran: Machine['ran'] = []
  const shown: string[] = []
  const world = fakeWorld({
    ...fake.world,
    self: { ...fake.world.self, uid: options.uid ?? 0, program: ['/usr/bin/node', '/usr/bin/dns01'] },
    env: { PATH: '/usr/bin', ACME_STATE_DIR: '/var/lib/acme', ...options.env },
    fetch: ca.fetch,
    prompt: options.replies && promptOf(options.replies, asked),
    run: async (argv: readonly string[], given: RunOptions) => {
      ran.push({ argv, input: given.input })
      const { exit, output = '', stderr = '' } = options.run?.(argv, given) ?? { exit: 0 }
      for (const line of stderr.split('\n').filter(text => text !== '')) given.line?.(line)
      return { exit, output }
    },
  })
  const context: Context = {
    world,
    stateRoot: '/var/lib/acme',
    responseFile: undefined,
    lockWaitSeconds: 0,
    parallel: 1,
    commandLine: 'dns01 quickstart',
    verbose: 0,
    batch: !options.replies,
    signal: new AbortController().signal,
    out: {
      json: false,
      columns: undefined,
      show: (_document, lines) => void shown.push(...lines().map(plain)),
      tell: () => {},
    },
  }
  return { files, ca, said: fake.said, ran, shown, asked, context }
}

function promptOf(replies: Readonly<Record<string, string>>, asked: string[]): Prompt {
  const used = new Map<string, number>()
  /** Several replies to a question asked again: `first|second`. */
  const reply = (question: string): string => {
    asked.push(question)
    const [piece] = Object.keys(replies).filter(each => question.includes(each))
    if (piece === undefined) throw new Error(`nobody expected the question: ${question}`)
    const all = replies[piece]?.split('|') ?? []
    const time = used.get(piece) ?? 0
    used.set(piece, time + 1)
    return all[Math.min(time, all.length - 1)] ?? ''
  }
  return {
    confirm: async question => reply(question) === 'yes',
    text: async (question, initial) => reply(question) || initial || '',
    secret: async question => reply(`secret: ${question}`),
    select: async (question, choices, initial) => {
      const said = reply(question)
      asked.push(`  ${choices.map(({ value }) => value).join(' ')}`)
      if (said === '') return initial ?? choices[0]?.value ?? ''
      if (!choices.some(({ value }) => value === said)) throw new Error(`${said} is no choice of: ${question}`)
      return said
    },
    note: text => void asked.push(`note: ${text}`),
  }
}

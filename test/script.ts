import { lstatSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Dns01Result, startProgram } from './real/servers/dns01.js'
import { screenOf, startOnTerminal } from './real/servers/terminal.js'

/** Where a script runs: its working directory, and the environment of its commands. */
export interface Stage {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
}

interface Step {
  readonly line: number
  readonly text: string
  /** Lines of a here-document. */
  readonly input: string
}

/**
 * Runs a script of shell-like lines in the stage's folder. `#` begins a comment line.
 *
 *     > COMMAND LINE         runs it by sh; it must end with status 0, unless the line `exit N` follows
 *     tty> COMMAND LINE      the same on a terminal of 200 columns; its stdout is what stands on the screen in the end
 *     exit N                 the status of the last command
 *     stdout REGEX           its output has a match (m flag);  ! stdout REGEX: it has none;  stderr likewise
 *     same A B               two files have the same bytes
 *     file PATH MODE         a file or folder with these octal permission bits
 *     link PATH TARGET       a symbolic link with exactly this text (`*`: any characters)
 *     missing PATH           nothing is there
 *     write PATH <<EOF       a new file of mode 0644 with the lines up to EOF
 *
 * Paths may hold `*`, which must match once. Throws at the first line that does not hold, naming file and line.
 */
export async function runScript(name: string, script: string, stage: Stage): Promise<void> {
  let last: Dns01Result = { exit: 0, stdout: '', stderr: '', seconds: 0 }
  const steps = parse(script)
  for (const [index, step] of steps.entries()) {
    try {
      const [, terminal, command] = step.text.match(/^(tty)?> (.*)$/) ?? []
      if (command !== undefined)
        last = await run({ command, terminal: terminal !== undefined }, steps[index + 1], stage)
      else await check(step, last, stage)
    } catch (error) {
      const output = `--- stdout\n${last.stdout}--- stderr\n${last.stderr}`
      throw new Error(`${name}:${step.line}: ${step.text}\n${(error as Error).message}\n${output}`)
    }
  }
}

function parse(script: string): Step[] {
  const steps: Step[] = []
  const lines = script.split('\n')
  for (let at = 0; at < lines.length; at++) {
    const text = lines[at]?.trim() ?? ''
    if (text === '' || text.startsWith('#')) continue
    const line = at + 1
    const end = text.match(/ <<(\w+)$/)?.[1]
    let input = ''
    if (end !== undefined) {
      while (lines[++at] !== end) {
        if (at >= lines.length) throw new Error(`line ${line}: no ${end}`)
        input += `${lines[at]}\n`
      }
    }
    steps.push({ line, text, input })
  }
  return steps
}

interface Call {
  readonly command: string
  readonly terminal: boolean
}

async function run({ command, terminal }: Call, next: Step | undefined, stage: Stage): Promise<Dns01Result> {
  const options = { cwd: stage.folder, env: stage.env }
  const ended = await (terminal ? startOnTerminal(command, options) : startProgram(['sh', '-c', command], options))
    .result
  const result = terminal ? { ...ended, stdout: screenOf(ended.stdout) } : ended
  const expected = Number(next?.text.match(/^exit (\d+)$/)?.[1] ?? 0)
  if (result.exit !== expected) {
    throw new Error(`exit ${result.exit} instead of ${expected}\n${result.stdout}${result.stderr}`)
  }
  return result
}

async function check({ text, input }: Step, last: Dns01Result, stage: Stage): Promise<void> {
  const [, not, verb = '', rest = ''] = text.match(/^(! )?(\S+)\s*(.*)$/) ?? []
  const words = rest.split(/\s+/)
  const path = (index: number) => onlyMatch(words[index] ?? '', stage)
  switch (not ? `! ${verb}` : verb) {
    case 'exit': // run() has looked
      return
    case 'stdout':
    case 'stderr':
      return hold(new RegExp(rest, 'm').test(last[verb as 'stdout']), 'no match')
    case '! stdout':
    case '! stderr':
      return hold(!new RegExp(rest, 'm').test(last[verb as 'stdout']), 'a match')
    case 'same': {
      const { exit, stderr } = await startProgram(['cmp', await path(0), await path(1)]).result
      return hold(exit === 0, `they differ ${stderr}`)
    }
    case 'file': {
      const mode = (lstatSync(await path(0)).mode & 0o7777).toString(8)
      return hold(mode === words[1]?.replace(/^0+/, ''), `mode ${mode}`)
    }
    case 'link': {
      const target = readlinkSync(await path(0))
      const wanted = (words[1] ?? '').split('*').map(part => part.replace(/[^\w/-]/g, '\\$&'))
      return hold(new RegExp(`^${wanted.join('.*')}$`).test(target), `it leads to ${target}`)
    }
    case 'missing':
      return hold((await matches(words[0] ?? '', stage)).length === 0, 'it is there')
    case 'write':
      writeFileSync(join(stage.folder, words[0] ?? ''), input)
      return
    default:
      throw new Error('no such line: test/script.ts tells which there are')
  }
}

function hold(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise)
}

async function onlyMatch(pattern: string, stage: Stage): Promise<string> {
  const found = await matches(pattern, stage)
  if (found.length !== 1) throw new Error(`${pattern}: ${found.length} matches ${found.join(' ')}`)
  return join(stage.folder, found[0] ?? '')
}

/** By the shell; a pattern without a match stands for itself there, and is left out here. Links count, dangling too. */
async function matches(pattern: string, stage: Stage): Promise<string[]> {
  const command = `for path in ${pattern}; do [ -e "$path" ] || [ -L "$path" ] && echo "$path"; done; true`
  const { stdout } = await startProgram(['sh', '-c', command], { cwd: stage.folder, env: stage.env }).result
  return stdout.split('\n').filter(line => line !== '')
}

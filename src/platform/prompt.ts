/** The World's `prompt`: questions on a terminal, or line by line on standard input for programs that answer. */

import { createInterface } from 'node:readline/promises'
import type { Readable } from 'node:stream'
import { Dns01Error } from '../core/errors.js'
import { shown } from '../core/gate.js'
import type { Prompt } from '../core/world.js'

/** Questions to whoever sits there: plain lines on standard input with --stdio, else on a terminal; undefined when nobody does. */
export function realPrompt(stdio: boolean, signal: AbortSignal): Prompt | undefined {
  if (stdio) return gatedPrompt(plainPrompt(process.stdin, text => void process.stderr.write(text), signal))
  return process.stdin.isTTY && process.stderr.isTTY ? gatedPrompt(fancyPrompt(signal)) : undefined
}

/**
 * Questions name what a CA or a disk says: terms of service, files. So they pass the gate of core/gate.ts, as the log does: no
 * text of a stranger moves the cursor or hides the rest of a question. Only a note has lines.
 */
export const gatedPrompt = ({ confirm, text, secret, select, note }: Prompt): Prompt => ({
  confirm: question => confirm(shown(question)),
  text: (question, initial) => text(shown(question), initial),
  secret: question => secret(shown(question)),
  select: (question, choices, initial) => {
    const harmless = choices.map(({ value, label, hint }) => ({
      value,
      label: shown(label),
      ...(hint !== undefined && { hint: shown(hint) }),
    }))
    return select(shown(question), harmless, initial)
  },
  note: said => note(said.split('\n').map(shown).join('\n')),
})

/** An answer that is none is asked for this often in all: a program that answers must not be asked for ever. */
const mostTries = 3

/**
 * One line for each answer. A choice is told by its number, value or label. An answer that is none of these is never
 * taken for one: the first choice may be a CA with real limits. An empty line takes the default where one is shown.
 */
export function plainPrompt(input: Readable, write: (text: string) => void, signal: AbortSignal): Prompt {
  const lines = createInterface({ input })[Symbol.asyncIterator]()
  const ask = async (question: string): Promise<string> => {
    write(`${question} `)
    const { value, done } = await Promise.race([lines.next(), aborted(signal)])
    if (done) throw noAnswer(`standard input ended at the question: ${question}`)
    return value.trim()
  }
  const untilKnown = async <T>(question: string, meaning: (said: string) => T | undefined, wanted: string) => {
    for (let tries = 1; ; tries++) {
      const said = await ask(question)
      const known = meaning(said)
      if (known !== undefined) return known
      const fault = `${JSON.stringify(said)} is not ${wanted}`
      if (tries === mostTries) throw noAnswer(`${question} ${fault}`)
      write(`${fault}\n`)
    }
  }
  return {
    confirm: question => untilKnown(`${question} [yes/no]`, truthOf, 'yes or no'),
    text: async (question, initial = '') => (await ask(initial ? `${question} [${initial}]` : question)) || initial,
    secret: ask,
    select: async (question, choices, initial) => {
      write(`${question}\n${choices.map(menuLine).join('')}`)
      const usual = choices.findIndex(({ value }) => value === initial) + 1
      const meaning = (said: string): string | undefined =>
        said === '' && usual > 0 ? initial : meant(said, choices)?.value
      const wanted = `a number from 1 to ${choices.length}, nor one of the words`
      return untilKnown(usual > 0 ? `Your choice [${usual}]:` : 'Your choice:', meaning, wanted)
    },
    note: text => write(`${text}\n`),
  }
}

/** CONFIG: nobody sits there, so the next try ends at the same question. */
const noAnswer = (message: string): Dns01Error =>
  new Dns01Error('CONFIG', message, { hint: 'answers may also stand in conf/responses; then --batch asks nothing' })

/** undefined: neither. An empty line is no consent either. */
function truthOf(said: string): boolean | undefined {
  if (/^(y|yes|true)$/i.test(said)) return true
  return /^(n|no|false)$/i.test(said) ? false : undefined
}

type Choice = Parameters<Prompt['select']>[1][number]

const menuLine = ({ label, hint }: Choice, index: number): string =>
  `  ${index + 1}) ${label}${hint ? ` - ${hint}` : ''}\n`

function meant(said: string, choices: readonly Choice[]): Choice | undefined {
  if (/^\d+$/.test(said)) return choices[Number(said) - 1]
  const word = said.toLowerCase()
  return choices.find(({ value, label }) => word === value.toLowerCase() || word === label.toLowerCase())
}

/** Rejects with the signal's reason: no question outlives Ctrl-C or SIGTERM. */
const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason)
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  })

/** @clack/prompts, loaded at the first question. It takes Ctrl-C for itself; the process hears of it as it would anywhere. */
function fancyPrompt(signal: AbortSignal): Prompt {
  const asked = async <T>(ask: (clack: typeof import('@clack/prompts')) => Promise<unknown>): Promise<T> => {
    const clack = await import('@clack/prompts')
    const answer = await ask(clack)
    if (clack.isCancel(answer)) {
      const awake = setInterval(() => {}, 1000) // without a question nothing else may be left to wait for
      if (!signal.aborted) process.kill(process.pid, 'SIGINT')
      return aborted(signal).finally(() => clearInterval(awake))
    }
    return answer as T
  }
  return {
    confirm: message => asked(clack => clack.confirm({ message, signal })),
    text: (message, initialValue = '') =>
      asked(clack => clack.text({ message, initialValue, defaultValue: '', signal })),
    secret: message => asked(clack => clack.password({ message, signal })),
    select: (message, choices, initialValue) =>
      asked(clack => clack.select({ message, options: choices.map(choice => ({ ...choice })), initialValue, signal })),
    note: text => void process.stderr.write(`${text}\n`),
  }
}

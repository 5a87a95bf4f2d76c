import { createInterface } from 'node:readline/promises'
import type { Prompt } from './world.js'

/** Questions to whoever sits there: plain lines on standard input with --stdio, else on a terminal; undefined when nobody does. */
export function realPrompt(stdio: boolean): Prompt | undefined {
  if (stdio) return plainPrompt()
  return process.stdin.isTTY && process.stderr.isTTY ? fancyPrompt() : undefined
}

function plainPrompt(): Prompt {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const ask = async (question: string): Promise<string> => {
    process.stderr.write(`${question} `)
    const { value, done } = await lines.next()
    return done ? '' : value.trim()
  }
  return {
    confirm: async question => /^(y|yes|true)$/i.test(await ask(`${question} [yes/no]`)),
    text: async (question, initial = '') => (await ask(initial ? `${question} [${initial}]` : question)) || initial,
    select: async (question, choices) => {
      process.stderr.write(
        `${question}\n${choices.map((c, i) => `  ${i + 1}) ${c.label}${c.hint ? ` - ${c.hint}` : ''}\n`).join('')}`,
      )
      const said = await ask('Your choice:')
      return (choices[Number(said) - 1] ?? choices.find(c => c.value === said) ?? choices[0])?.value ?? ''
    },
    note: text => void process.stderr.write(`${text}\n`),
  }
}

/** @clack/prompts, loaded at the first question; Ctrl-C there ends the process as it would anywhere. */
function fancyPrompt(): Prompt {
  const asked = async <T>(ask: (clack: typeof import('@clack/prompts')) => Promise<unknown>): Promise<T> => {
    const clack = await import('@clack/prompts')
    const answer = await ask(clack)
    if (clack.isCancel(answer)) {
      process.kill(process.pid, 'SIGINT')
      throw new Error('cancelled')
    }
    return answer as T
  }
  return {
    confirm: message => asked(clack => clack.confirm({ message })),
    text: (message, initialValue = '') => asked(clack => clack.text({ message, initialValue, defaultValue: '' })),
    select: (message, choices) =>
      asked(clack => clack.select({ message, options: choices.map(choice => ({ ...choice })) })),
    note: text => void process.stderr.write(`${text}\n`),
  }
}

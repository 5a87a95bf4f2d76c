/**
 * Where quickstart's answers come from. What acmetool asks, too, has its id, so that response files written for it go on
 * working.
 */

import { type Code, Dns01Error, messageOf } from '../core/errors.js'
import type { Prompt } from '../core/world.js'
import type { Responses } from '../state/responses.js'

/** Answers to quickstart's questions, by acmetool's prompt ids: the response file's, else of whoever sits there, else none. */
export interface Answers {
  /** Whether somebody can be asked. */
  readonly interactive: boolean
  /** undefined: nobody said anything. */
  text(id: string, question: string, initial?: string): Promise<string | undefined>
  /** Not shown while it is typed; never from the file, which everybody can read. */
  secret(question: string): Promise<string | undefined>
  /** `initial`: what is taken of somebody who only presses Enter. */
  choice(id: string, question: string, choices: readonly Choice[], initial?: string): Promise<string | undefined>
  yes(id: string, question: string): Promise<boolean | undefined>
  /** A question that no file answers; nobody there is no. */
  ask(question: string): Promise<boolean>
  /** Only from the file; true and false, which mean acknowledged and declined, are not text. */
  inFile(id: string): string | undefined
  saidYes(id: string): boolean | undefined
  /** For errors: `conf/responses:3: ID`, or the id alone of what is in no file. */
  place(id: string): string
  note(text: string): void
}

export interface Choice {
  readonly value: string
  readonly label: string
  readonly hint?: string
}

export function openAnswers(responses: Responses, prompt: Prompt | undefined): Answers {
  const inFile = (id: string): string | undefined => responses.text(id)?.trim() || undefined
  return {
    interactive: prompt !== undefined,
    inFile,
    saidYes: responses.yes,
    place: id => [responses.place(id) ?? [], id].flat().join(': '),
    text: async (id, question, initial) => inFile(id) ?? ((await prompt?.text(question, initial))?.trim() || undefined),
    secret: async question => (await prompt?.secret(question))?.trim() || undefined,
    choice: async (id, question, choices, initial) => inFile(id) ?? (await prompt?.select(question, choices, initial)),
    yes: async (id, question) => responses.yes(id) ?? (await prompt?.confirm(question)),
    ask: async question => (await prompt?.confirm(question)) ?? false,
    note: text => prompt?.note(text),
  }
}

/** A mistake in what was typed, or a server that is not there. */
const TYPED_AGAIN = new Set<Code>(['USAGE', 'CONFIG', 'UNAVAILABLE'])

/** How often somebody is asked the same again. */
const mostTries = 3

/**
 * What `check` makes of the answer. A mistake, or a server that is not there, is told to whoever
 * sits there, who is asked again, three times in all; where nobody sits it is an error.
 */
export async function untilGood<S, T>(
  answers: Pick<Answers, 'interactive' | 'note'>,
  ask: () => Promise<S>,
  check: (said: S) => T | Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const said = await ask()
    try {
      return await check(said)
    } catch (error) {
      if (!(error instanceof Dns01Error) || !answers.interactive || tries === mostTries) throw error
      if (!TYPED_AGAIN.has(error.code)) throw error
      answers.note([messageOf(error), ...(error.hint ? [`  ${error.hint}`] : [])].join('\n'))
    }
  }
}

import type { Responses } from '../state/responses.js'
import type { Prompt } from '../world.js'

/** Answers to quickstart's questions, by acmetool's prompt ids: the response file's, else of whoever sits there, else none. */
export interface Answers {
  /** Whether somebody can be asked. */
  readonly interactive: boolean
  /** undefined: nobody said anything. */
  text(id: string, question: string, initial?: string): Promise<string | undefined>
  /** Not shown while it is typed. */
  secret(id: string, question: string): Promise<string | undefined>
  /** `initial`: what is taken of somebody who only presses Enter. */
  choice(id: string, question: string, choices: readonly Choice[], initial?: string): Promise<string | undefined>
  yes(id: string, question: string): Promise<boolean | undefined>
  /** Only from the file; true and false, which mean acknowledged and declined, are no text. */
  inFile(id: string): string | undefined
  saidYes(id: string): boolean | undefined
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
    text: async (id, question, initial) => inFile(id) ?? ((await prompt?.text(question, initial))?.trim() || undefined),
    secret: async (id, question) => inFile(id) ?? ((await prompt?.secret(question))?.trim() || undefined),
    choice: async (id, question, choices, initial) => inFile(id) ?? (await prompt?.select(question, choices, initial)),
    yes: async (id, question) => responses.yes(id) ?? (await prompt?.confirm(question)),
    note: text => prompt?.note(text),
  }
}

/** What belongs to terminals: how wide they are, and questions that share the screen with the list of what is under way. */

import type { Prompt } from '../core/world.js'
import type { TerminalList } from './live-list.js'

/** Questions that are not glued to the list of what is under way. */
export const askingWithout = (list: TerminalList, { confirm, text, secret, select, note }: Prompt): Prompt => ({
  confirm: question => list.without(() => confirm(question)),
  text: (question, initial) => list.without(() => text(question, initial)),
  secret: question => list.without(() => secret(question)),
  select: (question, choices, initial) => list.without(() => select(question, choices, initial)),
  note: said => {
    list.clear()
    note(said)
  },
})

/** Columns of a terminal. One that does not know its size (a serial console, a program at the other end) says 0. */
export const widthOf = ({ columns }: { readonly columns?: number | undefined }): number => columns || 80

/**
 * HTML by tagged templates: what is written in the template is ours, and whatever is put into it is text, made harmless. The one
 * way to have a piece of HTML is this function, so that nobody can forget to escape.
 */

import { shown } from '../core/gate.js'

/** A piece that may stand in a page as it is. */
class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type { Html }

export type Part = Html | string | number | undefined | readonly Part[]

/**
 * Texts may stand between tags and in attributes with double quotes; what a browser would obey instead of showing is shown
 * (core/gate.ts).
 */
export function html(ours: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(ours.map((text, i) => text + (i < parts.length ? textOf(parts[i]) : '')).join(''))
}

function textOf(part: Part): string {
  if (part === undefined) return ''
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(textOf).join('')
  return shown(String(part)).replace(/[&<>"'`]/g, one => `&#${one.charCodeAt(0)};`)
}

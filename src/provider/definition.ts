// Checks what a provider's file exports. Those of others may be plain JavaScript; a mistake in one must be told as a
// mistake in that file, not as a TypeError somewhere in ours.
import * as v from 'valibot'
import { issueText } from '../core/gate.js'

/**
 * What must be right in a ProviderDefinition of somebody else before anything of it is used; its types may never have been
 * checked.
 */
const Definition = v.looseObject({
  summary: v.string(),
  settings: v.record(v.string(), v.looseObject({ env: v.array(v.string()), help: v.string() })),
  batch: v.boolean(),
  additive: v.boolean(),
  testedWith: v.string(),
  open: v.function(),
})

/**
 * Why this is not a provider's definition, in a phrase; undefined: it is one. Only what is used before open() is looked at:
 * what a provider does, the contract tests show.
 */
export function faultOfDefinition(definition: unknown): string | undefined {
  if (definition === undefined) return 'it has no default export' // the most usual mistake, and valibot's words say nothing of exports
  const { issues: [issue] = [] } = v.safeParse(Definition, definition)
  if (issue === undefined) return undefined
  const path = v.getDotPath(issue)
  return `${path === null ? 'its default export' : path}: ${issueText(issue)}`
}

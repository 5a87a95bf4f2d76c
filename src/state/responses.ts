// Answers given in advance to the questions that a person would be asked, in acmetool's format and by its prompt ids,
// so that its response files go on working.
import { isMap, isScalar, LineCounter } from 'yaml'
import { parseYaml } from '../config/yaml-text.js'
import { didYouMean } from '../core/did-you-mean.js'
import { hostOf } from '../core/urls.js'
import { ID, isOurFamily, isPromptId } from './prompt-ids.js'

/** Answers to questions, from conf/responses or --response-file (acmetool's prompt ids). */
export interface Responses {
  /** The answer as text; numbers as written; true (acknowledged) and false (declined) as ''. undefined: no answer. */
  text(id: string): string | undefined
  /** For yes/no: any text counts as yes. undefined: no answer. */
  yes(id: string): boolean | undefined
  /** Whether `acme-agreement:URL` is answered with yes. */
  agreedTo(termsUrl: string): boolean
  /** The URL of other terms of the same host that were agreed to, so that consent survives a new version. */
  agreedOnHost(termsUrl: string): string | undefined
}

export type Answers = ReadonlyMap<string, string | boolean>

const AGREEMENT = 'acme-agreement:'

export function responses(answers: Answers): Responses {
  const yes = (id: string): boolean | undefined => {
    const answer = answers.get(id)
    return answer === undefined ? undefined : answer !== false
  }
  return {
    text: id => {
      const answer = answers.get(id)
      return typeof answer === 'boolean' ? '' : answer
    },
    yes,
    agreedTo: url => yes(AGREEMENT + url) === true,
    agreedOnHost: url =>
      [...answers.keys()].flatMap(id => {
        const other = id.startsWith(AGREEMENT) && yes(id) ? id.slice(AGREEMENT.length) : ''
        return other !== '' && hostOf(other) !== '' && hostOf(other) === hostOf(url) ? [other] : []
      })[0],
  }
}

/** Reads a YAML map of prompt id to text, integer or boolean. Anything else in it is left out with a warning, as acmetool does. */
export function parseResponses(
  text: string,
  file: string,
): { answers: Map<string, string | boolean>; warnings: string[] } {
  const lines = new LineCounter()
  const doc = parseYaml(text, { version: '1.1', uniqueKeys: false, lineCounter: lines })
  const answers = new Map<string, string | boolean>()
  const [broken] = doc.errors
  if (broken) return { answers, warnings: [`${file}: ${broken.message.split('\n')[0]}; it is ignored`] }
  if (doc.contents === null) return { answers, warnings: [] }
  if (!isMap(doc.contents))
    return { answers, warnings: [`${file}: not a table of prompt ids and answers; it is ignored`] }
  const warnings: string[] = []
  for (const { key, value } of doc.contents.items) {
    const id = isScalar(key) ? String(key.source ?? key.value) : ''
    const answer = isScalar(value) ? answerOf(value.value, value.source) : undefined
    if (answer === undefined)
      warnings.push(`${file}: the answer to ${id} must be a text, a whole number, or true or false; it is ignored`)
    else answers.set(id, answer)
    if (isOurFamily(id) && !isPromptId(id)) {
      const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1
      warnings.push(`${file}:${line}: nothing asks for ${id}; ${didYouMean(id, Object.values(ID))}`)
    }
  }
  return { answers, warnings }
}

function answerOf(value: unknown, source: string | undefined): string | boolean | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return Number.isInteger(value) ? (source ?? String(value)) : undefined
}

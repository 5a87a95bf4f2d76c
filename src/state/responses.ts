// Answers given in advance to the questions that a person would be asked, in acmetool's format and by its prompt ids,
// so that its response files go on working.
import { isMap, isScalar, LineCounter } from 'yaml'
import { parseYaml } from '../config/yaml-text.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { hostOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import type { Disk } from './disk.js'
import { confPath, isHidden } from './layout.js'
import { ID, isOurFamily, isPromptId } from './prompt-ids.js'

/** Answers to questions, from conf/responses or --response-file (acmetool's prompt ids). */
export interface Responses {
  /** The answer as text; numbers as written; true (acknowledged) and false (declined) as ''. undefined: no answer. */
  text(id: string): string | undefined
  /** For yes/no: any text counts as yes. undefined: no answer. */
  yes(id: string): boolean | undefined
  /** Whether `acme-agreement:URL` is answered with yes. */
  agreedTo(termsUrl: string): boolean
  /** Where that answer stands: `conf/responses:3`. */
  place(id: string): string | undefined
  /** The URL of other terms of the same host that were agreed to, so that consent survives a new version. */
  agreedOnHost(termsUrl: string): string | undefined
}

type Answers = ReadonlyMap<string, string | boolean>

/** What one file says. */
interface AnswerFile {
  readonly answers: Answers
  /** Where each answer stands: `conf/responses:3`. */
  readonly places: ReadonlyMap<string, string>
  readonly warnings: readonly string[]
}

/** Consent to terms is asked for by their URL, which is the rest of the id. */
const AGREEMENT = 'acme-agreement:'

/** As acmetool understands them: `true` and `false` answer a question that is only to be acknowledged, too. */
export function responses(answers: Answers, places: ReadonlyMap<string, string> = new Map()): Responses {
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
    place: id => places.get(id),
    agreedTo: url => yes(AGREEMENT + url) === true,
    agreedOnHost: url =>
      [...answers.keys()].flatMap(id => {
        const other = id.startsWith(AGREEMENT) && yes(id) ? id.slice(AGREEMENT.length) : ''
        return other !== '' && hostOf(other) !== '' && hostOf(other) === hostOf(url) ? [other] : []
      })[0],
  }
}

/** What acmetool takes for a file of answers, where conf/responses is a folder. */
const IN_FOLDER = /\.(ya?ml|json)$/

/** See StateDir.responses(). Of two files of the folder that answer the same, the later by name counts. */
export function readResponses(
  disk: Disk,
  world: Pick<World, 'files'>,
  given: string | undefined,
): { readonly answers: Responses; readonly warnings: readonly string[] } {
  const texts = given === undefined ? textsInConf(disk) : [{ file: given, text: givenText(world, given) }]
  const read = texts.map(({ file, text }) => parseResponses(text, file))
  return {
    answers: responses(
      new Map(read.flatMap(({ answers }) => [...answers])),
      new Map(read.flatMap(({ places }) => [...places])),
    ),
    warnings: read.flatMap(({ warnings }) => warnings),
  }
}

/** Hidden files are passed over, as everywhere in the directory: an editor's swap file is not an answer. */
function textsInConf(disk: Disk): { readonly file: string; readonly text: string }[] {
  const path = confPath('responses')
  if (disk.info(path)?.kind !== 'folder') return [{ file: path, text: disk.readIfThere(path) ?? '' }]
  const files = disk.list(path).filter(({ name }) => !isHidden(name) && IN_FOLDER.test(name))
  return files.map(({ name }) => ({ file: `${path}/${name}`, text: disk.read(`${path}/${name}`) }))
}

/** --response-file names it, so that it cannot be read is the caller's mistake, unlike one of conf/. */
function givenText({ files }: Pick<World, 'files'>, file: string): string {
  try {
    return Buffer.from(files.read(file)).toString('utf8')
  } catch (cause) {
    throw new Dns01Error('USAGE', `the response file cannot be read: ${messageOf(cause)}`, { cause })
  }
}

/**
 * Reads a YAML map of prompt id to text, integer or boolean. Anything else in it is left out with a warning, as
 * acmetool does.
 */
export function parseResponses(text: string, file: string): AnswerFile {
  const lines = new LineCounter()
  // YAML 1.1, where `yes` is true, and a key that comes twice is no error: both as acmetool's parser has it
  const doc = parseYaml(text, { version: '1.1', uniqueKeys: false, lineCounter: lines })
  const answers = new Map<string, string | boolean>()
  const places = new Map<string, string>()
  const [broken] = doc.errors
  if (broken) return { answers, places, warnings: [`${file}: ${broken.message.split('\n')[0]}; it is ignored`] }
  if (doc.contents === null) return { answers, places, warnings: [] }
  if (!isMap(doc.contents))
    return { answers, places, warnings: [`${file}: not a table of prompt ids and answers; it is ignored`] }
  const warnings: string[] = []
  for (const { key, value } of doc.contents.items) {
    const id = isScalar(key) ? String(key.source ?? key.value) : ''
    const answer = isScalar(value) ? answerOf(value.value, value.source) : undefined
    if (answer === undefined)
      warnings.push(`${file}: the answer to ${id} must be a text, a whole number, or true or false; it is ignored`)
    else answers.set(id, answer)
    const line = isScalar(key) && key.range ? lines.linePos(key.range[0]).line : 1
    places.set(id, `${file}:${line}`)
    if (isOurFamily(id) && !isPromptId(id)) {
      warnings.push(`${file}:${line}: nothing asks for ${id}; ${didYouMean(id, Object.values(ID))}`)
    }
  }
  return { answers, places, warnings }
}

/** A whole number stays as it is written, since 0123 is not 123 in a text. */
function answerOf(value: unknown, source: string | undefined): string | boolean | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value
  return Number.isInteger(value) ? (source ?? String(value)) : undefined
}

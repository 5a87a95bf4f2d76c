// The `export:` list of a target: which files are to be kept in other formats, and where.
import { isMap, isSeq, type Node } from 'yaml'
import { type Export, exportFormats, needsPassphrase } from '../core/target.js'
import type { Form } from './request-forms.js'
import { textOf } from './yaml-text.js'

const KEYS = ['format', 'path', 'passphrase-file', 'legacy', 'owner', 'group', 'mode']

export const exportForm: Form<Export[]> = {
  what: `a list of {format: ${exportFormats.join('|')}, path: /FILE, passphrase-file: /FILE, owner, group, mode: '0640', legacy: true}; p12 and jks need a passphrase-file, bundle takes none, and no mode lets everybody read`,
  read(node, resolve) {
    const entries = isSeq(node) ? node.items.map(item => exportIn(resolve(item), resolve)) : undefined
    return entries?.every((one): one is Export => one !== undefined) ? entries : undefined
  },
}

function exportIn(node: unknown, resolve: (node: unknown) => unknown): Export | undefined {
  if (!isMap(node)) return undefined
  const values = new Map(node.items.map(pair => [textOf(pair.key), textOf(resolve(pair.value) as Node)]))
  const isOdd = ([key, text]: readonly [string | undefined, string | undefined]): boolean =>
    key === undefined || !KEYS.includes(key) || text === undefined || text === ''
  if ([...values].some(isOdd)) return undefined
  const format = exportFormats.find(one => one === values.get('format'))
  const path = values.get('path')
  const passphraseFile = values.get('passphrase-file')
  const mode = modeIn(values.get('mode'))
  const legacy = values.get('legacy') ?? 'false'
  if (format === undefined || !isAbsolute(path) || mode === 'wrong' || !/^(true|false)$/.test(legacy)) return undefined
  if (passphraseFile === undefined ? needsPassphrase(format) : format === 'bundle' || !isAbsolute(passphraseFile))
    return undefined
  const owner = values.get('owner')
  const group = values.get('group')
  return { format, path, passphraseFile, legacy: legacy === 'true', owner, group, mode }
}

const isAbsolute = (path: string | undefined): path is string =>
  path !== undefined && /^\/\P{Cc}*[^/\p{Cc}]$/u.test(path)

/** Octal, as chmod(1) has it; a private key is nobody else's business. */
function modeIn(text: string | undefined): number | undefined | 'wrong' {
  if (text === undefined) return undefined
  return /^0?[0-7][0-7]0$/.test(text) ? Number.parseInt(text, 8) : 'wrong'
}

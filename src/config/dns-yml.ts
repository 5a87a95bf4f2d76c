// The text of conf/dns.yml into a DnsConfig. Apart from dns-config.ts since a YAML reader takes longer to load than all
// that a hook of another client does; provider/dns-context.ts loads it when there is a text.
import * as v from 'valibot'
import { type Document, LineCounter, visit } from 'yaml'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import type { World } from '../core/world.js'
import { type DnsConfig, defaultPropagation, withEnv, type ZoneConfig } from './dns-config.js'
import { parseYaml } from './yaml-text.js'

/** An object; valibot takes a list for one, too. */
const map = <S extends v.GenericSchema>(schema: S) =>
  v.pipe(
    v.unknown(),
    v.check(value => !Array.isArray(value), 'a list where there must be keys'),
    schema,
  )

const scalar = v.union([v.string(), v.number(), v.boolean()])
const seconds = v.pipe(v.number(), v.minValue(0), v.maxValue(86_400))
const zone = v.pipe(
  map(v.objectWithRest({ provider: v.optional(v.string()) }, scalar)),
  v.transform(({ provider, ...rest }): ZoneConfig => ({ provider, settings: texts(rest) })),
)
const propagation = v.strictObject({
  wait: v.optional(v.boolean()),
  'give-up-after-seconds': v.optional(seconds),
  'first-pause-seconds': v.optional(seconds),
  'max-pause-seconds': v.optional(seconds),
})
const file = v.strictObject({
  provider: v.optional(v.string()),
  settings: v.optional(map(v.record(v.string(), scalar))),
  resolvers: v.optional(v.union([v.literal('system'), v.string(), v.array(v.string())])),
  // not a union: that would hide which key is wrong
  propagation: v.optional(v.lazy(said => (typeof said === 'boolean' ? v.boolean() : map(propagation)))),
  zones: v.optional(map(v.record(v.string(), zone))),
})

const KNOWN_KEYS = [...Object.keys(file.entries), ...Object.keys(propagation.entries)]

const texts = (values: Record<string, string | number | boolean | undefined>): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [key, String(value)]))

/**
 * Parses conf/dns.yml; '' is an empty file. DNS01_PROPAGATION=off and DNS01_RESOLVERS (comma-separated) win over it.
 * @throws Dns01Error CONFIG with file, line and, for a mistyped key, a suggestion
 */
export function parseDnsConfig(text: string, path: string, env: World['env']): DnsConfig {
  const { doc, lineOf, placeOf } = readYaml(text, path)
  const [broken] = doc.errors
  if (broken) throw new Dns01Error('CONFIG', `${lineOf(broken.pos[0])}: ${broken.message.split('\n')[0]}`)
  const parsed = v.safeParse(map(file), valuesOf(doc, lineOf) ?? {})
  if (!parsed.success) throw explain(parsed.issues[0], placeOf)
  return withEnv(toConfig(parsed.output, path), env)
}

/** The library refuses aliases of aliases of aliases, which would fill the memory: with a ReferenceError. */
function valuesOf(doc: Document, lineOf: (offset: number | undefined) => string): unknown {
  try {
    return doc.toJS()
  } catch (cause) {
    let at: number | undefined
    visit(doc, {
      Alias: (_, alias) => {
        at = alias.range?.[0]
        return visit.BREAK
      },
    })
    throw new Dns01Error('CONFIG', `${lineOf(at)}: ${messageOf(cause)}`, {
      hint: 'write it out without aliases',
      cause,
    })
  }
}

/** `FILE:LINE` of a key, given by the keys that lead to it. */
export type PlaceOf = (keys: readonly string[]) => string

/** Where things stand in a conf/dns.yml that was parsed before. */
export const placesIn = (text: string, path: string): PlaceOf => readYaml(text, path).placeOf

function readYaml(text: string, path: string) {
  const lines = new LineCounter()
  const doc = parseYaml(text, { lineCounter: lines, version: '1.1' })
  const lineOf = (offset: number | undefined): string =>
    offset === undefined ? path : `${path}:${lines.linePos(offset).line}`
  const placeOf: PlaceOf = keys => lineOf(offsetOf(doc, keys))
  return { doc, lineOf, placeOf }
}

function toConfig(read: v.InferOutput<typeof file>, path: string): DnsConfig {
  const zones = new Map(Object.entries(read.zones ?? {}).map(([name, config]) => [zoneName(name, path), config]))
  const said = typeof read.propagation === 'object' ? read.propagation : {}
  return {
    fallback: { provider: read.provider, settings: texts(read.settings ?? {}) },
    zones,
    resolvers: [read.resolvers ?? []].flat().filter(resolver => resolver !== 'system'),
    propagation: {
      wait: typeof read.propagation === 'boolean' ? read.propagation : (said.wait ?? defaultPropagation.wait),
      giveUpAfterSeconds: said['give-up-after-seconds'] ?? defaultPropagation.giveUpAfterSeconds,
      firstPauseSeconds: said['first-pause-seconds'] ?? defaultPropagation.firstPauseSeconds,
      maxPauseSeconds: said['max-pause-seconds'] ?? defaultPropagation.maxPauseSeconds,
    },
  }
}

function zoneName(text: string, path: string): Name {
  try {
    return parseName(text)
  } catch (cause) {
    throw new Dns01Error('CONFIG', `${path}: zones: ${messageOf(cause)}`, { cause })
  }
}

function explain(issue: v.BaseIssue<unknown>, where: PlaceOf): Dns01Error {
  const path = (issue.path ?? []).map(item => String(item.key))
  const unknown = issue.type === 'strict_object' && issue.expected === 'never'
  const what = unknown ? `unknown key "${path.join('.')}"` : `${path.join('.') || 'the file'}: ${issue.message}`
  return new Dns01Error('CONFIG', `${where(path)}: ${what}`, {
    hint: unknown ? didYouMean(path.at(-1) ?? '', KNOWN_KEYS) : undefined,
  })
}

/** Where the last key of that path stands in the text; the nearest thing above it otherwise. */
function offsetOf(doc: Document, path: readonly string[]): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const parent = doc.getIn(path.slice(0, depth - 1), true) ?? doc.contents
    const items = (parent as { items?: { key?: { value?: unknown; range?: number[] } }[] } | null)?.items ?? []
    const pair = items.find(item => String(item.key?.value) === path[depth - 1])
    if (pair?.key?.range) return pair.key.range[0]
  }
  return 0
}

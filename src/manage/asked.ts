/** What `want` is told beside the names: kind of key, a key that is there, the CA's test system. How a target file says it. */

import { newTargetText } from '../config/target-edit.js'
import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import type { Name } from '../core/names.js'
import { isStaging, stagingOf } from '../core/staging.js'
import { type KeySpec, linkName, type Target, type TargetDefaults } from '../core/target.js'
import { isSameUrl } from '../core/urls.js'
import { isOfStaging } from '../renew/best-certificate.js'
import { isPlaceholder } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'

/** Beside what conf/target says. */
export interface Asked {
  readonly key?: KeyKind | undefined
  /** In keys/. */
  readonly keyId?: string | undefined
  /** Directory URL of another CA. */
  readonly ca?: string | undefined
}

type KeyKind = Pick<KeySpec, 'type'> & Partial<KeySpec>

/** Those that every public CA signs (Baseline Requirements §6.1.5; Let's Encrypt takes no P-521), as certbot and others name them. */
const KEY_KINDS: Readonly<Record<string, KeyKind>> = {
  'ecdsa-p256': { type: 'ecdsa', curve: 'nistp256' },
  'ecdsa-p384': { type: 'ecdsa', curve: 'nistp384' },
  rsa2048: { type: 'rsa', rsaBits: 2048 },
  rsa3072: { type: 'rsa', rsaBits: 3072 },
  rsa4096: { type: 'rsa', rsaBits: 4096 },
}

/** @throws Dns01Error USAGE with all that there are */
export function keyKind(text: string): KeyKind {
  const kind = KEY_KINDS[text.toLowerCase()]
  if (kind) return kind
  const known = Object.keys(KEY_KINDS)
  throw new Dns01Error('USAGE', `--key-type ${text}: there are ${known.join(', ')}`, {
    hint: didYouMean(text, known, 'dns01 want NAME --key-type ecdsa-p256'),
  })
}

/** The test system of the CA that conf/target names. @throws Dns01Error USAGE when none is known */
export function stagingFor({ ca }: Pick<TargetDefaults, 'ca'>): string {
  const staging = stagingOf(ca)
  if (staging !== undefined) return staging
  throw new Dns01Error('USAGE', `no staging system of the CA ${ca} is known`, {
    hint: 'write the URL of its directory into a target file: request: {provider: URL}',
  })
}

/** A new target file. satisfy.key.type too, or a certificate with another type of key would do. */
export function targetText(names: readonly Name[], { key, keyId, ca }: Asked): string {
  const request = [
    ...(ca === undefined ? [] : [providerLine(ca)]),
    ...(key || keyId !== undefined ? ['  key:\n'] : []),
    ...(key ? [`    type: ${key.type}\n`] : []),
    ...(key?.rsaBits ? [`    rsa-size: ${key.rsaBits}\n`] : []),
    ...(key?.curve ? [`    ecdsa-curve: ${key.curve}\n`] : []),
    ...(keyId === undefined ? [] : [`    id: ${keyId}\n`]),
  ]
  const satisfy = key ? `  key:\n    type: ${key.type}\n` : ''
  return newTargetText(names) + satisfy + (request.length > 0 ? `request:\n${request.join('')}` : '')
}

/** A target that no run asks a CA for: `dns01 csr`. */
export const byHandText = (names: readonly Name[], keyId: string): string =>
  `${newTargetText(names)}request:\n  by-hand: true\n  key:\n    id: ${keyId}\n`

const providerLine = (ca: string): string => `  provider: ${ca}\n`

/** A target that has the names already must say the same. @throws Dns01Error USAGE */
export function refuseOther(target: Target, { key, keyId, ca }: Asked): void {
  const { file, names } = target
  const refuse = (what: string, setting: string): never => {
    throw new Dns01Error('USAGE', `desired/${file} asks for these names already, ${what}`, {
      hint: `change ${setting} there, or dns01 unwant ${names.join(' ')}, then again`,
    })
  }
  if (ca !== undefined && !isSameUrl(ca, target.ca)) refuse(`at ${target.ca}`, 'request.provider')
  if (keyId !== undefined && target.key.id !== keyId) refuse('with another key', 'request.key.id')
  const given = Object.entries(key ?? {}) as [keyof KeySpec, unknown][]
  if (given.some(([part, value]) => target.key[part] !== value)) refuse('with another type of key', 'request.key')
}

/** What names a certificate that people trust must not be given one that nobody does. @throws Dns01Error USAGE */
export function refuseStagingOverReal(state: StateDir, names: readonly Name[], label: string, now: Date): void {
  const links = state.links()
  const live = new Set(names.map(name => links.get(linkName(name, label))))
  const real = state
    .certificates()
    .find(
      ({ id, url, accountId, facts }) =>
        live.has(id) && !isPlaceholder(url) && !isOfStaging(accountId) && facts && now < facts.notAfter,
    )
  if (!real?.facts) return
  const until = real.facts.notAfter.toISOString().slice(0, 10)
  throw new Dns01Error(
    'USAGE',
    `${real.facts.names.join(' ')}: a certificate of ${real.facts.issuer} is live until ${until}`,
    {
      hint: 'one of a staging CA would take its place: try it with another name, or in a target with a label (docs/settings.md)',
    },
  )
}

/** The file without the staging CA that `want --staging` wrote; undefined: it says it in another way, which is left alone. */
export function withoutStaging(text: string, { ca }: Pick<Target, 'ca'>): string | undefined {
  if (!isStaging(ca) || !text.includes(providerLine(ca))) return undefined
  return text.replace(providerLine(ca), '').replace(/^request:\n(?! )/m, '')
}

/**
 * The accounts, certificates and renewals of another client, taken over into a state directory. First it is planned, which
 * changes nothing, so that `--simulate` shows just what would be done.
 */

import { resolve } from 'node:path'
import { newTargetText } from '../config/target-edit.js'
import { Dns01Error } from '../core/errors.js'
import { type Name, parseName } from '../core/names.js'
import type { Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { accountId, certificateId } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import type { KeyPair } from '../x509/keys.js'
import { readAcmesh } from './acmesh-folder.js'
import { readCertbot } from './certbot-folder.js'
import type { ClientFolder, ClientName, Lineage, Reading } from './client-folder.js'
import { readLego } from './lego-folder.js'

/** What is to be taken over, and is not here yet. */
export interface Takeover {
  readonly accounts: readonly { readonly directoryUrl: string; readonly key: KeyPair }[]
  readonly certificates: readonly ImportedCertificate[]
  /** File name and text for desired/. */
  readonly targets: readonly { readonly file: string; readonly text: string; readonly names: readonly Name[] }[]
  /** What can't be taken over, in words. */
  readonly problems: readonly string[]
}

export interface ImportedCertificate {
  readonly id: string
  readonly url: string
  /** SERVER/KEYID, if the client still has the account. */
  readonly accountId: string | undefined
  readonly lineage: Lineage
}

/** By what it is: a directory that is this client's but holds nothing is none. @throws Dns01Error USAGE */
export function readClient(
  files: Reading,
  client: ClientName,
  folder: string,
  servers: readonly string[],
): ClientFolder {
  const { read, hint } = CLIENTS[client]
  const found = read(files, resolve(folder), servers)
  if (found.accounts.length + found.lineages.length + found.problems.length > 0) return found
  throw new Dns01Error('USAGE', `${folder} holds nothing of ${NAMES[client]}`, { hint })
}

/** As their own documentation has them. */
export const NAMES = { certbot: 'certbot', acmesh: 'acme.sh', lego: 'lego' } as const satisfies Record<
  ClientName,
  string
>

export const isClient = (word: string): word is ClientName => Object.hasOwn(NAMES, word)

const CLIENTS = {
  certbot: {
    read: readCertbot,
    hint: 'give the folder with accounts/, live/ and renewal/; certbot has it at /etc/letsencrypt',
  },
  acmesh: { read: readAcmesh, hint: 'give the folder with account.conf and ca/; acme.sh has it at ~/.acme.sh' },
  lego: {
    read: readLego,
    hint: "give the folder with accounts/ and certificates/; lego has it at .lego in the folder where it is started, or at --path's",
  },
} as const

/** What a client's folder has that this state directory lacks. Changes nothing. */
export function planTakeover(
  world: Pick<World, 'clock'>,
  state: StateDir,
  client: string,
  found: ClientFolder,
): Takeover {
  const problems = [...found.problems]
  const valid = found.lineages.filter(({ facts }) => world.clock.now() < facts.notAfter)
  return {
    accounts: newAccounts(found, state),
    certificates: valid.map(lineage => certificateOf(found, lineage)).filter(isNewTo(state)),
    targets: newTargets(found.lineages, state, client, problems),
    problems,
  }
}

function newAccounts({ accounts }: ClientFolder, state: StateDir): Takeover['accounts'] {
  const there = new Set(state.accounts().map(account => account.id))
  return accounts.filter(({ directoryUrl, key }) => !there.has(accountId(directoryUrl, key.id)))
}

/**
 * acmetool wants the URL of the order, which certbot does not keep, and lego only that of the certificate. Boulder, the server of Let's Encrypt, has every
 * certificate at /acme/cert/SERIAL, so there it is the true URL of the certificate, as acmetool's older directories have
 * it; elsewhere it is at least a name that no two certificates share.
 */
function certificateOf({ accounts }: ClientFolder, lineage: Lineage): ImportedCertificate {
  const { directoryUrl, facts } = lineage
  const url = lineage.url ?? `https://${new URL(directoryUrl).host}/acme/cert/${facts.serial}`
  const account = accounts.find(a => a.id === lineage.accountId && a.directoryUrl === directoryUrl)
  return {
    id: certificateId(url),
    url,
    accountId: account && accountId(directoryUrl, account.key.id),
    lineage,
  }
}

function isNewTo(state: StateDir): (certificate: ImportedCertificate) => boolean {
  const complete = state.certificates().filter(c => c.complete)
  const ids = new Set(complete.map(c => c.id))
  const serials = new Set(complete.map(({ facts }) => `${facts?.issuer} ${facts?.serial}`))
  return ({ id, lineage: { facts } }) => !ids.has(id) && !serials.has(`${facts.issuer} ${facts.serial}`)
}

/** A target for each lineage whose names no target has. It is named like the lineage, for who looks for it. */
function newTargets(
  lineages: readonly Lineage[],
  state: StateDir,
  client: string,
  problems: string[],
): Takeover['targets'] {
  const wanted: (readonly Name[])[] = state.targets().targets.map((target: Target) => target.names)
  const before = wanted.length
  const files = new Set(state.targets().targets.map(target => target.file))
  return lineages.flatMap(lineage => {
    const names = namesOf(lineage, problems)
    const isAmong = (others: readonly Name[]): boolean => names.every(name => others.includes(name))
    if (names.length > 0 && wanted.slice(before).some(isAmong))
      problems.push(
        `${lineage.name}: a second certificate (${lineage.facts.keyType}) for names of another; only that one is renewed`,
      )
    if (names.length === 0 || wanted.some(isAmong)) return []
    wanted.push(names)
    const name = lineage.name.replaceAll('*', '_')
    const file = files.has(name) ? `${name}-${client}` : name
    files.add(file)
    return [{ file, names, text: newTargetText(names) + requestText(lineage) }]
  })
}

function namesOf({ name, facts }: Lineage, problems: string[]): Name[] {
  return facts.names.flatMap(each => {
    try {
      return [parseName(each)]
    } catch {
      problems.push(`${name}: the name ${each} cannot be proved by DNS-01; it is left out`)
      return []
    }
  })
}

/** The same CA and the same kind of key as now. */
function requestText({ directoryUrl, facts, key, wants }: Lineage): string {
  const { curve, rsaBits = 0, dns } = wants
  const lines = ['request:', `  provider: ${directoryUrl}`, '  key:', `    type: ${facts.keyType}`]
  if (facts.keyType === 'ecdsa' && curve !== undefined) lines.push(`    ecdsa-curve: ${curve}`)
  if (facts.keyType === 'rsa' && rsaBits >= 2048 && rsaBits <= 4096) lines.push(`    rsa-size: ${rsaBits}`)
  if (wants.keepsKey) lines.push(`    id: ${key.id}`)
  if (wants.preferredChain) lines.push(`  preferred-chain: ${JSON.stringify(wants.preferredChain)}`)
  if (dns) lines.push('  challenge:', '    dns:')
  for (const [name, value] of Object.entries(dns ?? {})) lines.push(`      ${name}: ${JSON.stringify(value)}`)
  return `${lines.join('\n')}\n`
}

/** Keys before what refers to them. Twice is the same as once. */
export async function takeOver(state: StateDir, { accounts, certificates, targets }: Takeover): Promise<void> {
  for (const { directoryUrl, key } of accounts) await state.addAccount(directoryUrl, key)
  for (const { url, accountId: account, lineage } of certificates) {
    await state.addKey(lineage.key)
    const id = await state.addOrder({ url, accountId: account, keyId: lineage.key.id })
    await state.storeCertificate(id, lineage)
  }
  for (const { file, text } of targets) await state.writeTarget(file, text)
}

/** A line for each thing to take over, path first. */
export const takeoverLines = ({ accounts, certificates, targets }: Takeover): string[] => [
  ...accounts.map(({ directoryUrl, key }) => `accounts/${accountId(directoryUrl, key.id)}`),
  ...certificates.map(({ id, lineage: { facts, name } }) => {
    const until = facts.notAfter.toISOString().slice(0, 10)
    return `certs/${id}  ${name}, ${facts.keyType}, until ${until}: ${facts.names.join(', ')}`
  }),
  ...targets.map(({ file, names }) => `desired/${file}  ${names.join(', ')}`),
]

/** The same for --json; no key is in it. */
export const takeoverDocument = ({ accounts, certificates, targets, problems }: Takeover) => ({
  accounts: accounts.map(({ directoryUrl, key }) => accountId(directoryUrl, key.id)),
  certificates: certificates.map(({ id, url, lineage: { name, facts } }) => ({
    id,
    url,
    lineage: name,
    names: facts.names,
    notAfter: facts.notAfter,
  })),
  targets: targets.map(({ file, names }) => ({ file, names })),
  problems,
})

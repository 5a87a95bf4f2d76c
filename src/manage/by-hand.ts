/**
 * Certificates of CAs without ACME: a request that somebody pastes into a web form (`dns01 csr`), and what came back (`dns01
 * import-cert`). Their target says `request.by-hand`, so that no run asks a CA; status and runs tell when it is time again.
 */

import { X509Certificate } from 'node:crypto'
import { resolve } from 'node:path'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Name } from '../core/names.js'
import type { KeySpec, Target } from '../core/target.js'
import type { World } from '../core/world.js'
import { liveLinksTo } from '../renew/links.js'
import type { WithoutOrder } from '../state/certificate-files.js'
import { IMPORTED } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { type CertificateFacts, readCertificate, signed } from '../x509/certificate.js'
import { createCsr } from '../x509/csr.js'
import { generateKey, type KeyPair } from '../x509/keys.js'
import { toPem } from '../x509/pem.js'
import { certificatesIn } from '../x509/pkcs7.js'
import { byHandText } from './asked.js'
import { newFileFor } from './desired.js'

export interface RequestMade {
  readonly file: string
  readonly names: readonly Name[]
  readonly keyId: string
  readonly pem: string
}

/**
 * A request for these names: by the key that their target has, which is made with it. With `newKey` another one is made,
 * for a renewal; what is live keeps its own.
 * @throws Dns01Error USAGE when a target asks a CA for one of these names
 */
export async function requestByHand(
  world: Pick<World, 'random'>,
  state: StateDir,
  names: readonly Name[],
  { newKey, kind }: { readonly newKey: boolean; readonly kind: Partial<KeySpec> | undefined },
): Promise<RequestMade> {
  const [there] = state.targets().targets.filter(target => names.every(name => target.names.includes(name)))
  if (there && !there.byHand)
    throw new Dns01Error('USAGE', `desired/${there.file} has ${names.join(' ')} from a CA by ACME already`, {
      hint: `dns01 unwant ${there.names.join(' ')} first`,
    })
  if (there && kind && !newKey)
    throw new Dns01Error('USAGE', `desired/${there.file} has a key already`, { hint: 'with --new-key it gets another' })
  const spec = { ...(there?.key ?? state.defaults().key), ...kind }
  const old = there?.key.id
  const key = old !== undefined && !newKey ? state.key(old) : await newKeyFor(state, spec)
  const file = there?.file ?? newFileFor(world, names)
  if (!there) await state.writeTarget(file, byHandText([...new Set(names)], key.id))
  else if (old !== key.id) await state.writeTarget(file, withKey(state.targetText(file), there, key.id))
  const all = there?.names ?? [...new Set(names)]
  const der = createCsr(key, all, { mustStaple: there?.mustStaple ?? false })
  return { file, names: all, keyId: key.id, pem: toPem(der, 'CERTIFICATE REQUEST') }
}

/** On disk before anything speaks of it. */
async function newKeyFor(state: StateDir, spec: KeySpec): Promise<KeyPair> {
  const key = await generateKey(spec)
  await state.addKey(key)
  return key
}

/** An id is like nothing else in the file. @throws Dns01Error CONFIG */
function withKey(text: string, { file, key: { id } }: Target, newId: string): string {
  if (id !== undefined && text.includes(id)) return text.replaceAll(id, newId)
  throw new Dns01Error('CONFIG', `desired/${file} does not say which key it has`, {
    hint: `write there under request: key: {id: ${newId}}`,
  })
}

export interface Imported {
  readonly id: string
  readonly facts: CertificateFacts
  /** Of desired/. */
  readonly files: readonly string[]
  /** Nobody in the files has signed it: programs may lack who has. */
  readonly issuerMissing: string | undefined
  readonly targetIsNew: boolean
}

/**
 * Takes what a CA sent, in any files and order: the certificate whose key is here, and those that lead up from it. It is stored, and
 * a target for its names is written where there is none; links are for a run.
 * @throws Dns01Error USAGE for what cannot be used, and then nothing is stored
 */
export async function importCertificate(
  world: Pick<World, 'files' | 'clock' | 'random'>,
  state: StateDir,
  paths: readonly string[],
): Promise<Imported> {
  const all = paths.flatMap(path => read(world, path))
  const leaf = leafOf(state, all)
  const { facts } = leaf
  refuseUseless(facts, world.clock.now())
  const serving = targetsFor(state, facts)
  const { chain, missing } = chainOf(leaf, all)
  const files = serving.map(({ file }) => file)
  if (files.length === 0) {
    const file = newFileFor(world, facts.names)
    await state.writeTarget(file, byHandText(facts.names, facts.keyId))
    files.push(file)
  }
  const id = await stored(state, {
    url: `${IMPORTED}${facts.keyId}/${facts.serial}`,
    ...{ keyId: facts.keyId, cert: toPem(leaf.der), chain: chain.map(one => toPem(one.der)).join(''), revoked: false },
  })
  return { id, facts, files, issuerMissing: missing, targetIsNew: serving.length === 0 }
}

/** One that is there may get another chain; then whoever uses it is told. */
async function stored(state: StateDir, made: WithoutOrder): Promise<string> {
  const id = await state.addCertificate(made)
  if (made.chain === '' || state.chainOf(id) === made.chain) return id
  await state.journal.noteUntold(liveLinksTo(state.links(), live => live === id))
  await state.storeCertificate(id, made)
  return id
}

interface Read {
  readonly der: Uint8Array
  readonly facts: CertificateFacts
}

function read({ files }: Pick<World, 'files'>, path: string): Read[] {
  try {
    return certificatesIn(files.read(resolve(path))).map(der => ({ der, facts: readCertificate(der) }))
  } catch (cause) {
    throw new Dns01Error('USAGE', `${path}: ${messageOf(cause)}`, {
      cause,
      hint: 'PEM, DER or PKCS #7 (.p7b) is taken',
    })
  }
}

/** Of several for keys that are here, the one that ends last. */
function leafOf(state: StateDir, all: readonly Read[]): Read {
  const keys = state.keyIds()
  const ours = all.filter(({ facts }) => keys.has(facts.keyId))
  const [leaf] = ours.sort((a, b) => b.facts.notAfter.getTime() - a.facts.notAfter.getTime())
  if (leaf) return leaf
  const [first] = all
  const about = first?.facts.names.join(' ') || first?.facts.subject || 'it'
  throw new Dns01Error('USAGE', `the private key for ${about} is not here (key ${first?.facts.keyId})`, {
    hint: 'dns01 csr NAME makes the key and the request; a key of yours comes by dns01 import-key FILE',
  })
}

function refuseUseless({ names, notBefore, notAfter, selfSigned }: CertificateFacts, now: Date): void {
  const refuse = (why: string, hint?: string): never => {
    throw new Dns01Error(
      'USAGE',
      `the certificate for ${names.join(' ') || 'no host name'} ${why}; nothing was stored`,
      { hint },
    )
  }
  if (names.length === 0) refuse('has no DNS name in subjectAltName, which programs go by (RFC 9525)')
  if (selfSigned) refuse('is self-signed', 'want --placeholder makes one for the time until there is a real one')
  if (now >= notAfter) refuse(`ended on ${notAfter.toISOString().slice(0, 10)}`)
  if (now < notBefore) refuse(`is not valid before ${notBefore.toISOString()}`, 'is the clock of this machine right?')
}

/** Whom it serves. Of a request by hand it must have all the names. */
function targetsFor(state: StateDir, { names, keyId }: CertificateFacts): Target[] {
  const { targets } = state.targets()
  for (const { byHand, key, names: wanted, file } of targets) {
    const missing = wanted.filter(name => !names.includes(name))
    if (byHand && key.id === keyId && missing.length > 0)
      throw new Dns01Error(
        'USAGE',
        `the certificate lacks ${missing.join(' ')}, which desired/${file} wants; nothing was stored`,
        {
          hint: `ask the CA, or dns01 unwant ${missing.join(' ')}`,
        },
      )
  }
  return targets.filter(target => !target.csr && target.names.every(name => names.includes(name)))
}

/** Who signed it, and whom, as far as they are in the files; a root at the end is left out, as every program has its own. */
function chainOf(leaf: Read, all: readonly Read[]): { readonly chain: Read[]; readonly missing: string | undefined } {
  const chain: Read[] = []
  for (let last = leaf; ; ) {
    const issuer = all.find(
      one =>
        one !== last && !chain.includes(one) && signed(new X509Certificate(last.der), new X509Certificate(one.der)),
    )
    // above an intermediate there is mostly a root, which nobody sends
    if (!issuer) return { chain, missing: last === leaf ? leaf.facts.issuer : undefined }
    if (issuer.facts.selfSigned) return { chain, missing: undefined }
    chain.push(issuer)
    last = issuer
  }
}

import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as layout from '../../src/state/layout.js'
import { TAG } from '../../src/x509/der.js'
import { bitString, element, objectIdentifier, sequence } from '../../src/x509/der-write.js'
import { base32Id, parseKey } from '../../src/x509/keys.js'
import { toPem } from '../../src/x509/pem.js'
import { prepareState } from '../real/servers/state.js'
import { wantAll } from './clients.js'

/** Thousands of certificates without any CA: DER put together by hand, 0.2 ms each. */

const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'))
const commonName = (text: string): Buffer =>
  sequence(element(0x31, sequence(objectIdentifier('2.5.4.3'), element(0x0c, Buffer.from(text)))))
const utcTime = (date: Date): Buffer =>
  element(0x17, Buffer.from(`${date.toISOString().replace(/\D/g, '').slice(2, 14)}Z`))
const version3 = element(0xa0, element(0x02, Buffer.from([2])))
const day = 86_400_000

interface Made {
  /** PEM */
  readonly key: string
  readonly cert: string
  readonly keyId: string
}

/** Of the CA's key, as its certificates may name it (RFC 5280 §4.2.1.1). */
const authorityKeyId = sequence(
  objectIdentifier('2.5.29.35'),
  element(TAG.octets, sequence(element(0x80, Buffer.alloc(20, 0x5a)))),
)

interface Wishes {
  readonly isCa?: boolean
  readonly namesIssuer?: boolean
  /** Days that are gone of its 90; 1 when absent. */
  readonly ageDays?: number
}

function certificate(
  names: readonly string[],
  subject: KeyObject,
  issuer: KeyObject,
  { isCa = false, namesIssuer = false, ageDays = 1 }: Wishes = {},
): string {
  const spki = createPublicKey(subject).export({ type: 'spki', format: 'der' })
  const serial = createHash('sha256').update(spki).digest().subarray(0, 15)
  const now = Date.now()
  const dates = sequence(utcTime(new Date(now - ageDays * day)), utcTime(new Date(now + (90 - ageDays) * day)))
  const altNames = sequence(...names.map(name => element(0x82, Buffer.from(name))))
  const extension = isCa
    ? sequence(
        objectIdentifier('2.5.29.19'),
        element(0x01, Buffer.from([255])),
        element(TAG.octets, sequence(element(0x01, Buffer.from([255])))),
      )
    : sequence(objectIdentifier('2.5.29.17'), element(TAG.octets, altNames))
  const toSign = sequence(
    version3,
    element(0x02, Buffer.from([1]), serial),
    ecdsaWithSha256,
    commonName('CA of the benchmark'),
    dates,
    commonName(isCa ? 'CA of the benchmark' : `${names[0]}`),
    spki,
    element(0xa3, namesIssuer ? sequence(extension, authorityKeyId) : sequence(extension)),
  )
  return toPem(sequence(toSign, ecdsaWithSha256, bitString(sign('sha256', toSign, issuer))))
}

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey

/** A CA that signs at once, and its certificate. */
function openMint(wishes: Wishes = {}): { readonly chain: string; issue(names: readonly string[]): Made } {
  const ca = newKey()
  return {
    chain: certificate([], ca, ca, { isCa: true }),
    issue: names => {
      const key = newKey()
      const keyId = base32Id(createPublicKey(key).export({ type: 'spki', format: 'der' }))
      return {
        key: key.export({ type: 'sec1', format: 'pem' }).toString(),
        cert: certificate(names, key, ca, wishes),
        keyId,
      }
    },
  }
}

const benchDirectory = 'https://ca.bench.test/dir'

/**
 * A state directory as acmetool and dns01 leave it: nothing is due for a month, unless the certificates are older. One name a
 * certificate, a key for each. With a CA that is there, one may ask it about them (RFC 9773).
 */
export function fillState(
  state: string,
  hosts: readonly string[],
  ca?: { readonly directory: string },
  ageDays = 1,
): void {
  const directory = ca?.directory ?? benchDirectory
  prepareState(state, directory)
  const write = (path: string, text: string, mode = 0o644) => writeFileSync(join(state, path), text, { mode })
  const folder = (path: string, mode = 0o755) => mkdirSync(join(state, path), { mode, recursive: true })
  for (const name of layout.FOLDERS)
    folder(name, name === 'keys' || name === 'accounts' || name === 'tmp' ? 0o700 : 0o755)
  const mint = openMint({ namesIssuer: ca !== undefined, ageDays })
  const account = parseKey(newKey().export({ type: 'sec1', format: 'pem' }).toString())
  const accountId = layout.accountId(directory, account.id)
  folder(layout.accountFolder(accountId).replace(/\/[^/]*$/, ''), 0o700)
  folder(layout.accountFolder(accountId), 0o700)
  write(layout.accountPath(accountId), account.pem, 0o600)
  wantAll(
    state,
    hosts.map(host => [host]),
  )
  for (const [i, host] of hosts.entries()) {
    const { key, cert, keyId } = mint.issue([host])
    const url = `https://ca.bench.test/order/${i}`
    const id = layout.certificateId(url)
    folder(layout.keyFolder(keyId), 0o700)
    write(layout.keyPath(keyId), key, 0o600)
    folder(layout.certificateFolder(id))
    for (const [name, text] of Object.entries({ url, cert, chain: mint.chain, fullchain: cert + mint.chain }))
      write(layout.certificatePath(id, name), text)
    symlinkSync(layout.keyLinkTo(keyId), join(state, layout.certificatePath(id, 'privkey')))
    symlinkSync(layout.accountLinkTo(accountId), join(state, layout.certificatePath(id, 'account')))
    symlinkSync(layout.liveLinkTo(id), join(state, layout.livePath(host)))
  }
}

/** The same as certbot keeps it: archive/, live/ with links, renewal/. */
export function fillCertbot(config: string, hosts: readonly string[]): void {
  const mint = openMint()
  mkdirSync(join(config, 'renewal'), { recursive: true })
  for (const host of hosts) {
    const { key, cert } = mint.issue([host])
    for (const part of ['archive', 'live']) mkdirSync(join(config, part, host), { recursive: true })
    const files = { cert, chain: mint.chain, fullchain: cert + mint.chain, privkey: pkcs8(key) }
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(config, 'archive', host, `${name}1.pem`), text, { mode: 0o600 })
      symlinkSync(`../../archive/${host}/${name}1.pem`, join(config, 'live', host, `${name}.pem`))
    }
    const links = Object.keys(files).map(name => `${name} = ${config}/live/${host}/${name}.pem\n`)
    const lines = [`version = 2.1.0\narchive_dir = ${config}/archive/${host}\n`, ...links, renewalParams]
    writeFileSync(join(config, 'renewal', `${host}.conf`), lines.join(''))
  }
}

const renewalParams = `[renewalparams]
account = 0123456789abcdef0123456789abcdef
authenticator = standalone
server = ${benchDirectory}
key_type = ecdsa
`

const pkcs8 = (sec1: string): string => createPrivateKey(sec1).export({ type: 'pkcs8', format: 'pem' }).toString()

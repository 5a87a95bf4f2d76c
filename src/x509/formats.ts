// A certificate and its key in the forms that programs ask for. Pure but for chance; where the files go is decided elsewhere.
import { createPrivateKey } from 'node:crypto'
import { Dns01Error } from '../core/errors.js'
import { type ExportFormat, needsPassphrase } from '../core/target.js'
import { encrypt, encryptedKeyInfo, type Random } from './pbes2.js'
import { pemBodies, toPem } from './pem.js'
import { pkcs12 } from './pkcs12.js'

/** What is exported; `keyPem` is a secret. */
export interface Material {
  /** What it is called within a file. */
  readonly name: string
  /** PEM, newline at the end; `chain` may be empty. */
  readonly cert: string
  readonly chain: string
  readonly keyPem: string
}

export interface Formatting {
  readonly format: ExportFormat
  readonly passphrase?: string | undefined
  /** Encryption for old programs: of p12 and jks. */
  readonly legacy?: boolean | undefined
}

/** The content of a file, and which of two it is. */
export interface Formatted {
  readonly part: 'all' | 'certificate' | 'key'
  readonly bytes: Buffer
}

/**
 * Mostly one file; of `der`, which has no place for two things in one, two. @throws Dns01Error USAGE for a passphrase that
 * will not do
 */
export function formatted(
  material: Material,
  { format, passphrase, legacy = false }: Formatting,
  random: Random,
): Formatted[] {
  const { name, cert, chain, keyPem } = material
  checkPassphrase(format, passphrase)
  const key = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' })
  const locked = (): Buffer => encryptedKeyInfo(encrypt(key, passphrase ?? '', random))
  const all = (text: string): Formatted[] => [{ part: 'all', bytes: Buffer.from(text) }]
  switch (format) {
    case 'pem': {
      const block = passphrase === undefined ? toPem(key, 'PRIVATE KEY') : toPem(locked(), 'ENCRYPTED PRIVATE KEY')
      return all(block + cert + chain)
    }
    case 'bundle':
      return all(keyPem + cert + chain)
    case 'der':
      return [
        { part: 'certificate', bytes: Buffer.concat(pemBodies(cert).slice(0, 1)) },
        { part: 'key', bytes: passphrase === undefined ? key : locked() },
      ]
    default: {
      const about = { key, certificates: pemBodies(cert + chain), name, passphrase: passphrase ?? '', legacy }
      return [{ part: 'all', bytes: pkcs12(about, random) }]
    }
  }
}

/** @throws Dns01Error USAGE */
function checkPassphrase(format: ExportFormat, passphrase: string | undefined): void {
  const wrong = (why: string, hint: string): Dns01Error => new Dns01Error('USAGE', `${format}: ${why}`, { hint })
  if (needsPassphrase(format) && passphrase === undefined)
    throw wrong(
      'it needs a passphrase',
      '--passphrase-file FILE, DNS01_EXPORT_PASSPHRASE or DNS01_EXPORT_PASSPHRASE_FILE',
    )
  if (passphrase === undefined) return
  if (format === 'bundle')
    throw wrong('the key in it is never encrypted', 'leave the passphrase out, or take --format pem')
  if (passphrase === '') throw wrong('the passphrase is empty', 'write one into the file')
  if (!/^[\x20-\x7e]+$/.test(passphrase))
    throw wrong(
      'the passphrase has other characters than those of ASCII',
      'programs read them differently: take letters, digits, signs',
    )
}

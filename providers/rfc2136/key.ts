// TSIG keys as people have them: files of tsig-keygen, .key and .private of dnssec-keygen, or three settings.
import { Dns01Error, readSecretFile, type World } from '../../src/provider/shipped.js'
import { ALGORITHMS, type Algorithm, type Key } from './message.js'

/** The provider's settings about the key. */
export interface KeySettings {
  readonly 'tsig-file': string | undefined
  readonly 'tsig-key': string | undefined
  readonly 'tsig-secret': string | undefined
  readonly 'tsig-algorithm': string
}

export const wrong = (message: string, hint?: string, cause?: unknown): Dns01Error =>
  new Dns01Error('CONFIG', `rfc2136: ${message}`, { hint, cause })

/** The key of the settings; undefined: updates go unsigned. Throws CONFIG. */
export function readKey(values: KeySettings, world: Pick<World, 'files' | 'log'>): Key | undefined {
  const { 'tsig-file': file, 'tsig-key': name, 'tsig-secret': secret, 'tsig-algorithm': algorithm } = values
  if (file !== undefined) return makeKey(world, file, parseKeyFile(readKeyFile(world, file), name))
  if (name === undefined && secret === undefined) return undefined
  if (name === undefined || secret === undefined)
    throw wrong(
      `a TSIG key has a name and a secret, but there is no ${name === undefined ? 'name' : 'secret'}`,
      'set RFC2136_TSIG_KEY and RFC2136_TSIG_SECRET, or RFC2136_TSIG_FILE',
    )
  return makeKey(world, 'RFC2136_TSIG_SECRET', { name, algorithm, secret })
}

type KeyText = Readonly<Record<'name' | 'algorithm' | 'secret', string>>

function makeKey(world: Pick<World, 'log'>, where: string, text: KeyText | undefined): Key {
  if (!text)
    throw wrong(`${where} holds no TSIG key`, 'it should look like: key "NAME" { algorithm hmac-sha256; secret "…"; };')
  const algorithm = text.algorithm.toLowerCase().replace(/\.$/, '').replace('.sig-alg.reg.int', '')
  if (!Object.hasOwn(ALGORITHMS, algorithm))
    throw wrong(
      `there is no TSIG algorithm ${JSON.stringify(text.algorithm)}`,
      `it is one of ${Object.keys(ALGORITHMS).join(', ')}`,
    )
  const base64 = text.secret.replace(/\s/g, '')
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw wrong(`the secret in ${where} is not base64`)
  world.log.mask(base64)
  const name = text.name.toLowerCase().replace(/\.$/, '')
  return { name, algorithm: algorithm as Algorithm, secret: Buffer.from(base64, 'base64') }
}

/** A key file's text; of an old pair the `.key` half, which has it all. Throws CONFIG when others can read it. */
const readKeyFile = ({ files }: Pick<World, 'files'>, given: string): string =>
  readSecretFile(files, given.replace(/\.private$/, '.key'), 'the TSIG key file')

/** named.conf's `key` block as written by tsig-keygen, or the KEY record of an old K*.key file. `wanted`: which, if several. */
function parseKeyFile(text: string, wanted: string | undefined): KeyText | undefined {
  const blocks = [...text.matchAll(/\bkey\s+"?([^\s"{;]+)"?\s*\{([^}]*)\}/g)].map(([, name = '', body = '']) => ({
    name,
    algorithm: body.match(/\balgorithm\s+"?([\w.-]+)"?\s*;/)?.[1] ?? '',
    secret: body.match(/\bsecret\s+"?([\w+/=]+)"?\s*;/)?.[1] ?? '',
  }))
  if (blocks.length > 0) return wanted === undefined ? blocks[0] : blocks.find(block => block.name === wanted)
  const [, name, number, secret] = text.match(/^(\S+)\s+(?:\d+\s+)?IN\s+KEY\s+\d+\s+\d+\s+(\d+)\s+(.+)$/m) ?? []
  const known = Object.entries(ALGORITHMS).find(([, { number: n }]) => n === Number(number))
  return name && secret ? { name, algorithm: known?.[0] ?? `number ${number}`, secret } : undefined
}

// The external account binding of a CA (RFC 8555 §7.3.4): what a paying customer's CA gives out on its web page, so that
// it knows whose the new account is. Each CA gives its own, so it is said for each; the variables are for the CA of
// conf/target, which most people have alone.
import { type ExternalAccount, MAC_ALGORITHMS } from '../acme/jws.js'
import { isProblem } from '../acme/problem.js'
import { readSecretFile, variable } from '../config/secret-file.js'
import { Dns01Error, withDetails } from '../core/errors.js'
import { hostOf } from '../core/urls.js'
import type { World } from '../core/world.js'
import { serverPart } from '../state/layout.js'
import { ID } from '../state/prompt-ids.js'
import type { Responses } from '../state/responses.js'

export interface BindingParts {
  readonly world: Pick<World, 'env' | 'files' | 'log'>
  readonly responses: Responses
  /** The CA of conf/target. */
  readonly defaults: { readonly ca: string }
}

/** What was said of a binding, and where; undefined: nothing was. */
interface Said {
  readonly keyId: string | undefined
  readonly hmacKey: string | undefined
  readonly algorithm: string | undefined
  /** How each of them is said: names of variables, or answers with their file and line. */
  readonly places: { readonly keyId: string; readonly hmacKey: string; readonly algorithm: string }
}

/**
 * The binding that is given for this CA: by answers that name it, else by the variables, if it is that of conf/target.
 * What is secret in it is masked in the log from here on. Asks nobody.
 * @throws Dns01Error CONFIG where one half is missing, or is not what it should be; naming variable, or file and line
 */
export function externalAccountFor(parts: BindingParts, ca: string): ExternalAccount | undefined {
  // Sent wherever it is given, and not only where the directory demands it (RFC 8555 §7.1.1 `externalAccountRequired`): some
  // CAs take accounts without one, and know their customers by it.
  const isDefault = serverPart(ca) === serverPart(parts.defaults.ca)
  const said = inAnswers(parts, ca) ?? (isDefault ? inVariables(parts) : undefined)
  return said && bindingOf(parts.world, said, ca)
}

/** The same of what somebody has typed. @throws Dns01Error CONFIG */
export const typedBinding = (world: Pick<World, 'log'>, keyId: string, hmacKey: string, ca: string): ExternalAccount =>
  bindingOf(
    world,
    { keyId, hmacKey, algorithm: undefined, places: { keyId: 'key id', hmacKey: 'HMAC key', algorithm: '' } },
    ca,
  )

/**
 * The HMAC key stands in a file of its own, whose path is the answer: conf/responses is for all to read, and each run
 * makes its mode so. To take it from there and complain would leave it known to everybody.
 */
function inAnswers({ world, responses }: BindingParts, ca: string): Said | undefined {
  const [keyId, file, algorithm] = [ID.eabKeyId, ID.eabKeyFile, ID.eabAlgorithm].map(id => `${id}:${ca}`) as Three
  const said = (id: string): string | undefined => responses.text(id)?.trim() || undefined
  const path = said(file)
  if ([said(keyId), path, said(algorithm)].every(text => text === undefined)) return undefined
  const placed = (id: string): string => [responses.place(id), id].filter(text => text !== undefined).join(': ')
  return {
    keyId: said(keyId),
    hmacKey: path && readSecretFile(world.files, path, `the HMAC key (${placed(file)}) in`).trim(),
    algorithm: said(algorithm),
    places: { keyId: placed(keyId), hmacKey: placed(file), algorithm: placed(algorithm) },
  }
}

type Three = [string, string, string]

function inVariables({ world }: BindingParts): Said | undefined {
  const [keyId, hmacKey, algorithm] = VARIABLES.map(name => variable(world, name)?.trim())
  if ([keyId, hmacKey, algorithm].every(text => text === undefined)) return undefined
  const places = { keyId: VARIABLES[0], hmacKey: VARIABLES[1], algorithm: VARIABLES[2] }
  return { keyId, hmacKey, algorithm, places }
}

const VARIABLES = ['DNS01_EAB_KID', 'DNS01_EAB_HMAC_KEY', 'DNS01_EAB_ALGORITHM'] as const

function bindingOf({ log }: Pick<World, 'log'>, said: Said, ca: string): ExternalAccount {
  const { keyId, hmacKey, algorithm = MAC_ALGORITHMS[0], places } = said
  for (const secret of [keyId, hmacKey]) if (secret) log.mask(secret)
  const missing = !keyId ? places.keyId : !hmacKey ? places.hmacKey : undefined
  if (!keyId || !hmacKey)
    throw new Dns01Error('CONFIG', `half of the external account binding for ${ca} is missing: ${missing}`, {
      hint: whereToGet(ca),
    })
  // Both alphabets of base64 (RFC 4648 §4, §5): the RFC has base64url, CAs show either, and what is pasted may lack its end.
  if (!/^[A-Za-z0-9_+/-]+=*$/.test(hmacKey))
    throw new Dns01Error('CONFIG', `${places.hmacKey}: the HMAC key for ${ca} is not base64 or base64url`, {
      hint: `copy it whole; ${whereToGet(ca)}`,
    })
  const known = MAC_ALGORITHMS.find(one => one === algorithm)
  if (known) return { keyId, hmacKey, algorithm: known }
  throw new Dns01Error('CONFIG', `${places.algorithm}: "${algorithm}" is not one of ${MAC_ALGORITHMS.join(', ')}`)
}

/** Where CAs give a binding out, as their own pages say; for others it is where one manages what one has there. */
const GIVEN_OUT: Readonly<Record<string, string>> = {
  'acme.zerossl.com': 'ZeroSSL shows both at https://app.zerossl.com/developer',
  'dv.acme-v02.api.pki.goog': 'for Google, `gcloud publicca external-account-keys create` prints both',
  'dv.acme-v02.test-api.pki.goog': 'for Google, `gcloud publicca external-account-keys create` prints both',
}

/** For the hint of an error. */
export const whereToGet = (ca: string, website?: string): string =>
  GIVEN_OUT[hostOf(ca)] ??
  `the CA shows a key id and an HMAC key where you manage your account there${website ? ` (${website})` : ''}`

/** The CA wants a binding, and nobody has given one. */
export function noBinding(ca: string, isDefault: boolean, website: string | undefined): Dns01Error {
  const answers = [`"${ID.eabKeyId}:${ca}": KEY ID`, `"${ID.eabKeyFile}:${ca}": FILE`]
  const variables = isDefault ? [`set ${VARIABLES[0]} and ${VARIABLES[1]}_FILE in the env file, or`] : []
  return new Dns01Error('CONFIG', `${ca} requires an external account binding, and none is given`, {
    hint: [
      whereToGet(ca, website),
      ...variables,
      'add to conf/responses, the HMAC key in FILE (mode 0600):',
      ...answers,
    ],
  })
}

/** What CAs say of a binding that is wrong (RFC 8555 §7.3.4): each in another way. */
export const isOfBinding = (error: unknown): boolean =>
  ['unauthorized', 'malformed', 'externalAccountRequired'].some(type => isProblem(error, type))

/** The error of a registration that was made with a binding; where that may be the reason, it says so. */
export const bindingDoubted = (error: unknown, ca: string): unknown =>
  error instanceof Dns01Error && isOfBinding(error)
    ? withDetails(error, {
        hint: [
          'is the external account binding right, and not used up? compare key id, HMAC key and algorithm',
          whereToGet(ca),
        ],
      })
    : error

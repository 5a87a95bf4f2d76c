// Errors of AWS as what they mean for the user, and whether they prove that nothing was written.
import { Dns01Error, type Name, refused, unavailable, unwritten, wasNeverSent } from '../../src/provider/shipped.js'
import { fromApi } from './api.js'

export const hints = {
  zoneId: 'set ACME_HOSTED_ZONE (or zone-id in conf/dns.yml) to the id of the zone that holds the name',
  noZone: 'make the zone in Route 53, or choose other credentials (AWS_PROFILE, or profile in conf/dns.yml)',
  rights: '"dns01 providers route53 --iam-policy NAME" prints the policy that gives all rights needed',
  key: 'check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile, and the clock of this machine',
  credentials: 'set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give the machine a role',
} as const

/** `AKIA…WXYZ`: enough to find the key in the console. */
export const maskedKey = (id: string): string => `${id.slice(0, 4)}…${id.slice(-4)}`

interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly clockSkewCorrected?: boolean }
  /** InvalidChangeBatch in its own form; the common form has all in `message`. */
  readonly messages?: readonly string[]
}

export const isThrottling = ({ name, $metadata }: SdkError): boolean =>
  /^Throttl|^RequestLimitExceeded$|^TooManyRequests/.test(name) || $metadata?.httpStatusCode === 429

/** Names that a refused batch says to be other than we took them to be; undefined when it was refused for another reason. */
export function conflictsOf(error: unknown): Name[] | undefined {
  const cause = (error as Error).cause as SdkError | undefined
  if (cause?.name !== 'InvalidChangeBatch') return undefined
  const text = [cause.message, ...(cause.messages ?? [])].join(' ')
  if (!/already exists|other RRSets exist|not found|not match/.test(text)) return undefined
  return [...text.matchAll(/name[ =]'?([^'\s,]+)/gi)].map(([, name]) => fromApi(name))
}

interface About {
  readonly action: string
  readonly on: string
  readonly who: string
}

/**
 * What the SDK threw, as what it means for the user. A 4xx is a "no" to the whole request (a batch is all or nothing), and
 * without credentials none goes out: nothing was written then.
 */
export function explain(error: SdkError, about: About): Dns01Error {
  if (error instanceof Dns01Error) return wasNeverSent(error) ? unwritten(error) : error
  const status = error.$metadata?.httpStatusCode ?? 0
  const isNo = (status >= 400 && status < 500) || isWithoutCredentials(error)
  return isNo ? unwritten(meaningOf(error, about)) : meaningOf(error, about)
}

/** An answer without a refusal in its status, which the SDK cannot read: a proxy's page, half an answer. */
const isUnreadable = (error: SdkError): boolean => {
  const status =
    error.$metadata?.httpStatusCode ?? (error as { $response?: { statusCode?: number } }).$response?.statusCode
  return status !== undefined && status < 400
}

const isWithoutCredentials = ({ name }: SdkError): boolean => name === 'CredentialsProviderError'

function meaningOf(error: SdkError, about: About): Dns01Error {
  const { action, on, who } = about
  const status = error.$metadata?.httpStatusCode ?? 0
  const text = `Route 53 ${action} (${on}): ${error.name}: ${[error.message, ...(error.messages ?? [])].join(' ')}`
  const later = isThrottling(error) || error.name === 'PriorRequestNotComplete' || error.$metadata?.clockSkewCorrected
  if (later || status >= 500) return unavailable(text, error)
  switch (error.name.replace(/Exception$/, '')) {
    case 'AccessDenied': {
      const match = /(?:User: (\S+) .*)?perform: (\S+)(?: on resource: (\S+))?/.exec(error.message)
      const [, user, right = `route53:${action}`, resource] = match ?? []
      if (right.startsWith('route53:')) return refused(`${who} lacks the right ${right} for ${on}`, hints.rights, error)
      return refused(`${user ?? who} lacks the right ${right} for ${resource ?? on}`, undefined, error)
    }
    case 'InvalidClientTokenId':
    case 'UnrecognizedClient':
      return refused(`AWS does not know ${who}`, hints.key, error)
    case 'SignatureDoesNotMatch':
      return refused(`AWS says that the secret does not belong to ${who}`, hints.key, error)
    case 'ExpiredToken':
      return refused(`the session of ${who} has expired`, hints.credentials, error)
    case 'CredentialsProviderError':
      return new Dns01Error('CONFIG', `no AWS credentials from ${who}: ${error.message}`, {
        hint: hints.credentials,
        cause: error,
      })
    case 'NoSuchHostedZone':
      return refused(`Route 53 shows no hosted zone ${on} to ${who}`, hints.zoneId, error)
    default:
      return isUnreadable(error) ? unavailable(text, error) : refused(text, undefined, error)
  }
}

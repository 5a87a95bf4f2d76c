// The settings of this provider, and what is wrong with them before any request is made.
import { Dns01Error, type Settings, type SettingValues } from '../../src/provider/api.js'
import { maskedKey } from './words.js'

export const settings = {
  'zone-id': {
    env: ['ACME_HOSTED_ZONE', 'AWS_HOSTED_ZONE_ID'],
    help: 'id of the hosted zone, when it is not to be found by name',
  },
  private: { env: [], help: 'true: write to the private hosted zones instead of the public ones' },
  profile: { env: ['AWS_PROFILE'], help: 'profile of ~/.aws/config and ~/.aws/credentials' },
  'access-key-id': {
    env: ['AWS_ACCESS_KEY_ID'],
    help: "access key; without it the AWS SDK's default chain finds one (profile, SSO, instance role)",
    ask: known => !known.profile,
  },
  'secret-access-key': {
    env: ['AWS_SECRET_ACCESS_KEY'],
    help: 'its secret',
    secret: true,
    ask: known => known['access-key-id'] !== undefined,
  },
  'session-token': { env: ['AWS_SESSION_TOKEN'], help: 'its session token, if it is a temporary one', secret: true },
  'role-arn': { env: [], help: 'role to assume with these credentials' },
  'external-id': { env: [], help: 'external id that the role asks for' },
  region: { env: ['AWS_REGION', 'AWS_DEFAULT_REGION'], help: 'region to sign for', default: 'us-east-1' },
  endpoint: { env: ['AWS_ENDPOINT_URL_ROUTE_53', 'AWS_ENDPOINT_URL'], help: "URL of the API, if not AWS's own" },
  ttl: { env: [], help: 'TTL in seconds of the TXT sets that are made; sets already there keep theirs' },
} as const satisfies Settings

export type Values = SettingValues<typeof settings>

const wrongSetting = (text: string, hint?: string): Dns01Error => new Dns01Error('CONFIG', `route53: ${text}`, { hint })

/** Instructions write `<< zone id here >>` where one must put something of one's own. */
function refusePlaceholder(what: string, variable: string, value: string | undefined): void {
  if (value === undefined || !/[<>]/.test(value)) return
  throw wrongSetting(`${what} ${JSON.stringify(value)} is a placeholder`, `put your own into ${variable}, or unset it`)
}

export function checkSettings(values: Values): void {
  const { endpoint, 'access-key-id': id, 'secret-access-key': secret } = values
  refusePlaceholder('the zone id', 'ACME_HOSTED_ZONE', values['zone-id'])
  refusePlaceholder('the access key', 'AWS_ACCESS_KEY_ID', id)
  if (id && !secret)
    throw wrongSetting(`access key ${maskedKey(id)} comes without its secret`, 'set AWS_SECRET_ACCESS_KEY')
  if (endpoint && !URL.canParse(endpoint)) throw wrongSetting(`endpoint "${endpoint}" is not a URL`)
}

export function parseTruth(text = 'false'): boolean {
  if (/^(true|yes|on|1)$/i.test(text)) return true
  if (/^(false|no|off|0)$/i.test(text)) return false
  throw wrongSetting(`private is "${text}", not true or false`)
}

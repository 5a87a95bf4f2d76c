// Which AWS credentials the settings mean; what they leave open is the SDK's default chain.
import type { Route53ClientConfig } from '@aws-sdk/client-route-53'
import type { Values } from './settings.js'

type Credentials = Route53ClientConfig['credentials']
type RequestHandler = Route53ClientConfig['requestHandler']

/**
 * The keys or the role that the settings name; undefined leaves it to the SDK's default chain. A profile beats keys, as in
 * the SDK.
 */
export async function credentialsOf(values: Values, requestHandler: RequestHandler): Promise<Credentials> {
  const own = values.profile ? undefined : ownKeys(values)
  const role = values['role-arn']
  return role ? roleCredentials(role, values, own, requestHandler) : own
}

function ownKeys(values: Values): Credentials {
  const { 'access-key-id': accessKeyId, 'secret-access-key': secretAccessKey, 'session-token': sessionToken } = values
  return accessKeyId && secretAccessKey
    ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) }
    : undefined
}

/** Credentials of a role (STS AssumeRole); the SDK asks for them again before they expire. */
async function roleCredentials(role: string, values: Values, own: Credentials, requestHandler: RequestHandler) {
  const { STSClient, AssumeRoleCommand } = await import('@aws-sdk/nested-clients/sts')
  const { region, profile, 'external-id': ExternalId } = values
  const sts = new STSClient({ region, requestHandler, ...(profile && { profile }), ...(own && { credentials: own }) })
  return async () => {
    const wish = new AssumeRoleCommand({ RoleArn: role, RoleSessionName: 'dns01', ExternalId })
    const { Credentials: given } = await sts.send(wish)
    if (!given?.AccessKeyId || !given.SecretAccessKey) throw new Error(`AWS STS gave no credentials for ${role}`)
    return {
      accessKeyId: given.AccessKeyId,
      secretAccessKey: given.SecretAccessKey,
      ...(given.SessionToken && { sessionToken: given.SessionToken }),
      ...(given.Expiration && { expiration: given.Expiration }),
    }
  }
}

// The IAM policy that gives dns01 the least rights: its own TXT names, in its own zones.
import { asChallengeName, type Name } from '../../src/provider/shipped.js'
import { withoutPrefix } from './api.js'

/**
 * The least policy for these hosts or challenge names: their challenge sets, TXT only, CREATE and DELETE only, in these
 * zones (none: any).
 */
export function iamPolicy(names: readonly Name[], zoneIds: readonly string[]): object {
  const zones = (zoneIds.length > 0 ? zoneIds : ['*']).map(id => `arn:aws:route53:::hostedzone/${withoutPrefix(id)}`)
  const sets = names.map(asChallengeName)
  const only = 'route53:ChangeResourceRecordSets'
  const allow = (Action: string, Resource: readonly string[] | string, more = {}) => ({
    Effect: 'Allow',
    Action,
    Resource,
    ...more,
  })
  return {
    Version: '2012-10-17',
    Statement: [
      ...(zoneIds.length > 0 ? [] : [allow('route53:ListHostedZonesByName', '*')]),
      allow('route53:GetChange', 'arn:aws:route53:::change/*'),
      allow('route53:ListResourceRecordSets', zones),
      allow('route53:ChangeResourceRecordSets', zones, {
        Condition: {
          'ForAllValues:StringLike': {
            [`${only}NormalizedRecordNames`]: sets.length > 0 ? [...new Set(sets)] : ['_acme-challenge.*'],
          },
          'ForAllValues:StringEquals': {
            [`${only}RecordTypes`]: ['TXT'],
            [`${only}Actions`]: ['CREATE', 'DELETE'],
          },
        },
      }),
    ],
  }
}

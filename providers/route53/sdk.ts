/** What we use of the AWS SDK, so that a bundler leaves the rest out; imported when the first call is made. */
export {
  ChangeResourceRecordSetsCommand,
  GetChangeCommand,
  ListHostedZonesByNameCommand,
  ListResourceRecordSetsCommand,
  Route53Client,
} from '@aws-sdk/client-route-53'
export { state as nodeVersionWarning } from '@aws-sdk/core/client'

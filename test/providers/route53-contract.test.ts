import route53 from '../../providers/route53.js'
import { providerContract } from '../contract/provider-contract.js'
import { keys, route53World, secretAccessKey } from '../fakes/route53-world.js'

providerContract('route53', async () => {
  const { world, route53: double } = route53World({ syncSeconds: 20 })
  const zone = double.addZone('example.test')
  double.addZone('example.org')
  const broken = route53World()
  return {
    provider: await route53.open(keys as never, world),
    zones: ['example.test', 'example.org'],
    values: async name => double.txt(name),
    put: async (name, value) => double.put(zone, name, 'TXT', [`"${value}"`]),
    changes: () => double.batches.length,
    reopened: async () => route53.open(keys as never, world),
    refusing: async () => route53.open({ ...keys, 'access-key-id': 'AKIAWRONGWRONGWRONG1' } as never, world),
    refusingTheRest: async () => {
      const { world: other, route53: its } = route53World()
      its.addZone('example.test')
      its.faults.beforeChange = () => {
        if (its.batches.length > 0) its.faults.refuse = { status: 403, code: 'AccessDenied', message: 'no more' }
      }
      return { provider: await route53.open(keys as never, other), records: 1001 }
    },
    failing: async () => {
      broken.route53.faults.refuse = { status: 503, code: 'ServiceUnavailable', message: 'try later' }
      return route53.open(keys as never, broken.world)
    },
    secrets: [secretAccessKey, keys['access-key-id']],
  }
})

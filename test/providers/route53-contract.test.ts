import { providerContract } from '../contract/provider-contract.js'
import { keys, openRoute53, route53World, secretAccessKey } from '../fakes/route53-world.js'

providerContract('route53', async () => {
  const { world, route53: double } = route53World({ syncSeconds: 20 })
  const zone = double.addZone('example.test')
  double.addZone('example.org')
  const broken = route53World()
  return {
    provider: await openRoute53(world),
    zones: ['example.test', 'example.org'],
    values: async name => double.txt(name),
    put: async (name, value) => double.put(zone, name, 'TXT', [`"${value}"`]),
    changes: () => double.batches.length,
    reopened: async () => openRoute53(world),
    refusing: async () => openRoute53(world, { ...keys, 'access-key-id': 'AKIAWRONGWRONGWRONG1' }),
    refusingTheRest: async () => {
      const { world: other, route53: its } = route53World()
      its.addZone('example.test')
      its.faults.beforeChange = () => {
        if (its.batches.length > 0) its.faults.refuse = { status: 403, code: 'AccessDenied', message: 'no more' }
      }
      return { provider: await openRoute53(other), records: 1001 }
    },
    failing: async () => {
      broken.route53.faults.refuse = { status: 503, code: 'ServiceUnavailable', message: 'try later' }
      return openRoute53(broken.world)
    },
    secrets: [secretAccessKey, keys['access-key-id']],
  }
})

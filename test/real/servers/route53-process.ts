import { createServer } from 'node:http'
import type { Log } from '../../../src/core/world.js'
import { openDns } from '../../../src/platform/dns.js'
import { fakeLog } from '../../fakes/log.js'
import { FakeRoute53 } from '../../fakes/route53.js'
import { route53Dns } from '../../fakes/route53-dns.js'
import { serveApi, signatureCheck } from '../../fakes/route53-server.js'
import type { Route53Control, Route53Facts, Route53Setup } from './route53.js'

/** The double as a process of its own, for a network namespace: API on 127.0.0.1, DNS servers on port 53, control by a Unix socket. */
const { zones, syncSeconds, lagSeconds, servers, resolver, keys, control } = JSON.parse(
  process.argv[2] ?? '',
) as Route53Setup

const log: Log = { ...fakeLog(), error: text => void process.stderr.write(`${text}\n`) }

const double = new FakeRoute53({ now: () => Date.now(), syncSeconds, checkSignature: signatureCheck(keys) })
for (const { name, ...more } of zones) double.addZone(name, more)
let hidesTxt = false
const dns = route53Dns(double, { addresses: servers, lagSeconds, hidesTxt: () => hidesTxt })
await dns.serve({ dns: openDns() }, resolver, log)
const api = await serveApi(double)

function obey({ put, faults, hideTxt }: Route53Control): Route53Facts {
  hidesTxt = hideTxt ?? hidesTxt
  Object.assign(double.faults, faults)
  const zone = put && double.zones.get(put.zone)
  if (zone) double.put(zone, put.name, put.type ?? 'TXT', put.type ? put.values : put.values.map(value => `"${value}"`))
  return {
    calls: Object.fromEntries(double.calls),
    callTimes: double.times,
    batches: double.batches.length,
    refusals: double.refusals,
    txt: double.txtNames().map(name => ({ name, values: double.txt(name) })),
  }
}

createServer(async (request, response) => {
  let body = ''
  for await (const chunk of request) body += chunk
  response.end(JSON.stringify(obey(JSON.parse(body))))
}).listen(control, () => process.stdout.write(`ready ${api.url}\n`))

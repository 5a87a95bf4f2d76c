import { defineProvider, refused, unavailable, unwritten } from 'dns01/provider'

export default defineProvider({
  name: 'example',
  summary: 'Example DNS, by its HTTP API',
  settings: {
    token: { env: ['EXAMPLE_TOKEN'], help: 'the API token', required: true, secret: true },
    url: { env: ['EXAMPLE_URL'], help: 'where the API is', default: 'https://api.example/' },
  },
  batch: true, // one request, however many records
  additive: true, // values of others stay
  testedWith: 'double: test/double.js',

  open({ token, url }, world) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }

    /** @type {(zone: string, changes: object, signal: AbortSignal) => Promise<void>} */
    async function change(zone, changes, signal) {
      const request = { method: 'PATCH', headers, body: JSON.stringify(changes), signal }
      const answer = await world.fetch(new URL(`zones/${zone}/txt`, url), request)
      if (answer.status < 300) return
      const message = `example: changing ${zone} was answered with status ${answer.status}`
      if (answer.status >= 500 || answer.status === 429)
        throw unavailable(message, undefined, Number(answer.headers['retry-after']) || undefined)
      throw unwritten(refused(message, 'look at the token, and at the zones it is for'))
    }

    return {
      present: (records, { zone, signal }) => change(zone, { add: records.map(toJson) }, signal),
      cleanup: (records, { zone, signal }) => change(zone, { remove: records.map(toJson) }, signal),
    }
  },
})

/** @param {import('dns01/provider').TxtRecord} record */
const toJson = ({ name, value, ttlSeconds }) => ({ name, value, ttl: ttlSeconds })

import { createServer } from 'node:http'

/** A double of the Example DNS API: it takes one token, has these zones, and keeps values in memory. */
export async function startDouble({ token, zones }) {
  const values = new Map()
  let changes = 0

  const add = (name, value) => values.set(name, new Set([...(values.get(name) ?? []), value]))

  const server = createServer(async (request, response) => {
    const answer = status => response.writeHead(status).end()
    if (request.headers.authorization !== `Bearer ${token}`) return answer(403)
    if (request.method !== 'PATCH') return answer(405)
    const zone = request.url.match(/^\/zones\/([^/]+)\/txt$/)?.[1]
    if (!zones.includes(zone)) return answer(404)
    const body = JSON.parse(Buffer.concat(await request.toArray()).toString())
    const all = [...(body.add ?? []), ...(body.remove ?? [])]
    if (all.some(({ name }) => name !== zone && !name.endsWith(`.${zone}`))) return answer(422)
    for (const { name, value } of body.add ?? []) add(name, value)
    for (const { name, value } of body.remove ?? []) values.get(name)?.delete(value)
    changes++
    answer(204)
  })
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    values: name => [...(values.get(name) ?? [])],
    changes: () => changes,
    add,
    stop: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

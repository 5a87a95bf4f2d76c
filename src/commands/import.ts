/** `dns01 import certbot|acmesh|lego`, and acmetool's `import-le`: accounts, valid certificates, and what another client renews. */

import { join, resolve } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { ClientName } from '../manage/client-folder.js'
import { linkUp } from '../renew/links.js'
import { type Context, locked, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, texts } from './command.js'

const simulate = { type: 'boolean', alias: 'n', describe: 'show it only' } as const

export const importFrom: Command = {
  command: 'import <client> [dir]',
  describe: "Take over certbot's, acme.sh's (acmesh) or lego's folder: accounts, certificates, names, DNS settings.",
  example: 'import acmesh --simulate',
  options: {
    simulate,
    server: { type: 'string', describe: 'directory URL of a CA that lego knows by its host only; may be repeated' },
  },
  run: ({ client, dir, simulate, server }, context) =>
    take(context, {
      client: client === 'acme.sh' ? 'acmesh' : String(client),
      dir,
      servers: texts(server),
      simulated: simulate === true,
    }),
}

export const importLe: Command = {
  command: 'import-le [dir]',
  describe: 'The same as import certbot, by its name in acmetool.',
  example: 'import-le --simulate',
  options: { simulate },
  run: ({ dir, simulate }, context) =>
    take(context, { client: 'certbot', dir, servers: [], simulated: simulate === true }),
}

interface Wish {
  readonly client: string
  readonly dir: unknown
  readonly servers: readonly string[]
  readonly simulated: boolean
}

/** Much, and seldom needed: loaded now. */
async function take(context: Context, { client, dir, servers, simulated }: Wish): Promise<[]> {
  const { world, out } = context
  const { isClient, NAMES, planTakeover, readClient, takeOver, takeoverDocument, takeoverLines } = await import(
    '../manage/import-client.js'
  )
  const { newVariables, variableLines, writeNewVariables } = await import('../quickstart/env-text.js')
  const { otherClients, tellOthers } = await import('../quickstart/other-clients.js')
  if (!isClient(client))
    throw new Dns01Error('USAGE', `"${client}" is none of ${Object.keys(NAMES).join(', ')}`, {
      hint: 'dns01 import acmesh --simulate shows what would be taken over; docs/coming-from.md',
    })
  const known = [...servers, (await looking(context)).defaults().ca]
  const folder = dir === undefined ? usualFolder(world, client) : String(dir)
  const theirs = readClient(world.files, client, folder, known)
  const variables = await newVariables(world, theirs.variables) // what cannot be written is an error before anything is
  const plan = (state: StateDir) => planTakeover(world, state, client, theirs)
  const found = simulated
    ? plan(await looking(context))
    : await locked(context, async state => {
        await state.conform()
        const takeover = plan(state)
        await writeNewVariables(world, variables)
        await takeOver(state, takeover)
        await linkUp(world, state)
        return takeover
      })
  for (const problem of found.problems) world.log.warn(problem)
  const document = { ...takeoverDocument(found), variables: Object.keys(variables.fresh), done: !simulated }
  out.show(document, () => [...takeoverLines(found), ...variableLines(world, variables)])
  const others = (await otherClients(world)).filter(other => other.client === NAMES[client])
  const isNew = found.targets.length + found.certificates.length > 0
  if (!simulated && isNew) tellOthers(world, others, NAMES[client])
  return []
}

/** Where the client has its folder unless it was told otherwise, by its own documentation; those that packages and tutorials take, too. */
function usualFolder({ env, files }: Pick<World, 'env' | 'files'>, client: ClientName): string {
  const home = env.HOME || '/root'
  const places = {
    certbot: ['/etc/letsencrypt'],
    acmesh: [env.LE_CONFIG_HOME, env.LE_WORKING_DIR, join(home, '.acme.sh'), '/etc/acme.sh'],
    lego: [env.LEGO_PATH, '.lego', join(home, '.lego'), '/etc/lego', '/var/lib/lego'],
  }[client].flatMap(place => (place ? [resolve(place)] : []))
  const found = places.find(place => files.info(place) !== undefined)
  if (found !== undefined) return found
  throw new Dns01Error('USAGE', `there is no ${[...new Set(places)].join(', ')}`, {
    hint: `name the folder: dns01 import ${client} DIR`,
  })
}

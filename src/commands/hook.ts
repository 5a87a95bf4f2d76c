/**
 * `dns01 hook`, which is two things: a hook that other ACME clients call to have TXT records placed and removed, and the place
 * where the hooks that dns01 itself calls are looked at and switched.
 */

import { Dns01Error } from '../core/errors.js'
import { hookActions, readHookCall } from '../hook/dialects.js'
import { runHook } from '../hook/run.js'
import type { Context } from '../renew/run.js'
import { type Command, texts } from './command.js'

/** What is done with the hooks of this machine; every other word is the name of a client. */
const ACTIONS: Readonly<Record<Action, (context: Context, names: readonly string[]) => Promise<void>>> = {
  list,
  enable,
  disable,
}
type Action = (typeof hookActions)[number]

/** Whether `dns01 hook WORD` is about the hooks of this machine. */
export const isAboutOurHooks = (word: string): word is Action => (hookActions as readonly string[]).includes(word)

export const hook: Command = {
  command: 'hook <what> [words..]',
  describe:
    'list, enable NAME, disable NAME: the hooks that dns01 calls. Or be one of another client: acmetool, certbot, dehydrated, lego, uacme.',
  example: 'hook enable reload-nginx',
  options: {
    provider: { type: 'string', describe: 'for another client: who places the records, whatever conf/dns.yml says' },
    wait: {
      type: 'boolean',
      describe: 'for another client: wait until every name server shows the record, as for all but lego',
    },
  },
  placesRecords: true,
  run: async ({ what, words, provider, wait }, context) => {
    const word = String(what)
    if (isAboutOurHooks(word)) {
      await ACTIONS[word](context, texts(words))
      return []
    }
    const call = readHookCall(word, texts(words), context.world.env)
    if (typeof call === 'number') return call
    const options = { provider: texts(provider)[0], wait: wait === undefined ? undefined : wait === true }
    await runHook(context, call, options)
    return []
  },
}

async function list({ world, out }: Context, names: readonly string[]): Promise<void> {
  if (names.length > 0) throw new Dns01Error('USAGE', 'hook list takes no name', { hint: 'dns01 hook list' })
  const { hookLines, listHooks } = await import('../quickstart/hook-files.js')
  const hooks = listHooks(world)
  out.show({ hooks }, () => hookLines(hooks))
}

async function enable({ world, out }: Context, names: readonly string[]): Promise<void> {
  const { enableHook } = await import('../quickstart/hook-files.js')
  const installed = await enableHook(world, one('enable', names))
  out.show(installed, () => [installed.path])
  if (installed.fault !== undefined)
    world.log.error(`${installed.path} is not run: ${installed.fault}`, ...(installed.hint ? [installed.hint] : []))
  const list = `/etc/dns01/${installed.name}`
  const wantsList = installed.name === 'copy' || installed.name === 'push'
  if (wantsList && world.files.info(list) === undefined)
    world.log.notice(
      `the hook ${installed.name} does nothing until there is ${list}; its first lines say what belongs there`,
    )
}

async function disable({ world, out }: Context, names: readonly string[]): Promise<void> {
  const { disableHook } = await import('../quickstart/hook-files.js')
  const name = one('disable', names)
  const path = await disableHook(world, name)
  out.show({ path }, () => (path === undefined ? [] : [path]))
  if (path === undefined) world.log.notice(`the hook ${name} is not on`)
}

function one(action: string, names: readonly string[]): string {
  const [name] = names
  if (name !== undefined && names.length === 1) return name
  throw new Dns01Error('USAGE', `hook ${action} takes the name of one hook`, {
    hint: 'dns01 hook list shows what there is',
  })
}

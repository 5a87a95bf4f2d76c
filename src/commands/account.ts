/** `dns01 account`: shows our accounts at CAs, and changes one. */

import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import {
  accountLines,
  accountStatus,
  contactsOf,
  deactivate,
  deactivationLines,
  meantAccount,
  onlyMeantAccount,
  updateContact,
} from '../manage/accounts.js'
import { openAuthorities } from '../renew/authorities.js'
import { rollOver } from '../renew/rollover.js'
import { type Context, locked, looking } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import { type Command, type CommandArgs, texts } from './command.js'

type Action = (args: CommandArgs, context: Context) => Promise<readonly unknown[]>

const said = ({ which }: CommandArgs): string | undefined => (which === undefined ? undefined : String(which))

/** As it is called when the change of its key that an earlier run began is finished, if there is one. */
async function settled(context: Context, state: StateDir, account: string): Promise<string> {
  const isChanging = state.rollovers().some(({ accountId }) => accountId === account)
  return isChanging ? rollOver({ ...context, state }, account) : account
}

const show: Action = async (args, context) => {
  const state = await looking(context)
  const only = said(args) === undefined ? undefined : meantAccount(state, said(args))
  const { accounts, errors } = await accountStatus({ ...context, state }, only)
  context.out.show(accounts, () => accountLines(accounts))
  return errors
}

/** All questions stand before the lock is taken, as in quickstart, whose they are. */
const register: Action = async (args, context) => {
  const { world, signal, out } = context
  const { openAnswers } = await import('../quickstart/answers.js') // much, and seldom needed
  const { askToRegister, lookAtDirectory } = await import('../quickstart/registration.js')
  const looked = await looking(context)
  const defaults = looked.defaults()
  const ca = said(args) ?? defaults.ca
  const responses = looked.responses(context.responseFile)
  const answers = openAnswers(responses, world.prompt)
  const directory = await lookAtDirectory(world, ca, answers, signal)
  const about = { world, state: looked, answers, responses, ca, defaultCa: defaults.ca, signal }
  const registration = await askToRegister(about, directory)
  const silent = { ...world, prompt: undefined }
  return locked(context, async state => {
    await state.conform()
    const authorities = openAuthorities({ ...registration, world: silent, state, defaults, signal })
    const { accountId, client } = await authorities.for(ca)
    const url = (await client.findAccount(signal))?.url
    out.show({ account: accountId, url }, () => [accountId])
    return []
  })
}

const update: Action = (args, context) => {
  const contact = contactsOf(texts(args.email))
  return locked(context, async state => {
    await state.conform()
    const account = await settled(context, state, meantAccount(state, said(args)))
    const taken = await updateContact({ ...context, state }, account, contact)
    context.out.show({ account, contact: taken }, () => [])
    context.out.tell([`${account}: ${taken.length === 0 ? 'no contact' : taken.join(', ')}`])
    return []
  })
}

const rollover: Action = (args, context) =>
  locked(context, async state => {
    await state.conform()
    const before = meantAccount(state, said(args))
    const account = await rollOver({ ...context, state }, before)
    context.out.show({ account, before }, () => [account])
    return []
  })

const close: Action = async (args, context) => {
  const { world, out } = context
  const looked = await looking(context)
  const account = onlyMeantAccount(looked, said(args))
  // asked before the lock is taken: a question may stand for hours, and cron's run must not wait for it
  world.prompt?.note(deactivationLines(looked, account).join('\n'))
  if (world.prompt && !(await world.prompt.confirm('Close this account?'))) {
    out.show({ account, deactivated: false }, () => [])
    return []
  }
  return locked(context, async state => {
    await state.conform()
    const id = await settled(context, state, account)
    const lines = deactivationLines(state, id)
    await deactivate({ ...context, state }, id)
    out.show({ account: id, deactivated: true }, () => (world.prompt ? [] : lines))
    return []
  })
}

const ACTIONS: Readonly<Record<string, Action>> = { show, register, update, rollover, deactivate: close }

export const account: Command = {
  command: 'account <action> [which]',
  describe:
    'Accounts at CAs: show, register, update --email, rollover (a new key), deactivate; which: the URL of a CA, or SERVER/KEYID.',
  example: 'account show',
  options: {
    email: {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'for update: the address that the CA gets, or several; empty: none',
    },
  },
  run: async (args, context) => {
    const word = String(args.action)
    if (args.email !== undefined && word !== 'update')
      throw new Dns01Error('USAGE', `account ${word} takes no --email`, {
        hint: 'dns01 account update --email ADDRESS',
      })
    const action = Object.hasOwn(ACTIONS, word) ? ACTIONS[word] : undefined
    if (action) return action(args, context)
    throw new Dns01Error('USAGE', `account cannot "${word}"`, { hint: didYouMean(word, Object.keys(ACTIONS)) })
  },
}

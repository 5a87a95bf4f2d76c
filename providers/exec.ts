// Any program as a provider. A dialect says how it is called and what its exit status means, so that the scripts of other
// ACME clients (acmetool, certbot, lego, acme.sh, dehydrated) serve as they are.
import { resolve } from 'node:path'
import pLimit from 'p-limit'
import {
  Dns01Error,
  defineProvider,
  groupBy,
  hookTimeoutSeconds,
  oneByOne,
  type Provider,
  type ProviderCall,
  parseSeconds,
  recordKey,
  refused,
  settleAll,
  type TxtRecord,
  unavailable,
  unwritten,
  type World,
} from '../src/provider/shipped.js'
import { type Act, commandWords, type DialectName, dialects, type Invocation, type Program } from './exec/dialects.js'

export default defineProvider({
  name: 'exec',
  summary: 'calls a program made for another ACME client, in the way of that client',
  settings: {
    command: {
      env: ['DNS01_EXEC_COMMAND', 'EXEC_PATH'],
      help: 'the program and its first arguments; a line for the shell with certbot; the name of a DNS script (dns_cf) with acmesh',
      required: true,
    },
    dialect: {
      env: ['DNS01_EXEC_DIALECT'],
      help: `whose way: ${Object.keys(dialects).join(', ')}; lego when the command comes from EXEC_PATH (lego-raw with EXEC_MODE=RAW), else acmetool`,
      ask: () => true,
    },
    'cleanup-command': { env: ['DNS01_EXEC_CLEANUP_COMMAND'], help: "certbot's second line for the shell" },
    chain: { env: ['HOOK_CHAIN'], help: '"yes": dehydrated, all records of a zone in one call', default: 'no' },
    'at-once': {
      env: ['DNS01_EXEC_AT_ONCE'],
      help: 'how many calls may run at the same time; 8 with acmetool, else 1, as those clients do',
    },
    timeout: {
      env: ['DNS01_EXEC_TIMEOUT'],
      help: 'seconds until the program is ended together with its children',
      default: String(hookTimeoutSeconds),
    },
    'state-dir': { env: ['ACME_STATE_DIR'], help: 'what it finds in ACME_STATE_DIR', default: '/var/lib/acme' },
  },
  batch: false,
  additive: false,
  oneValuePerName: true,
  othersSecretsHidden: true,
  batchDelaySeconds: 0.5,
  testedWith: 'real programs; calls compared with those of acmetool, certbot, dehydrated and lego; acme.sh: a double',
  open(values, world): Provider {
    const name = dialectOf(values.dialect, world.env)
    const dialect = dialects[name]
    const program: Program = {
      line: values.command,
      words: name === 'certbot' ? [] : commandWords(values.command),
      cleanupLine: values['cleanup-command'],
    }
    const chain = name === 'dehydrated' && values.chain === 'yes'
    const timeoutSeconds = parseSeconds('exec: timeout', values.timeout)
    const limit = pLimit(atOnce(values['at-once'], dialect.atOnce))
    const label = [`exec (${name})`, ...program.words.slice(0, 1)].join(' ')
    /** What present calls wrote to stdout, for certbot's cleanup. */
    const outputs = new Map<string, string>()
    /** Records of present calls that failed by themselves. */
    const failed = new Set<string>()
    // A command that cannot be right comes out now and not at the first challenge.
    dialect.invoke(program, { action: 'present', records: [], remaining: 0, all: [], output: '' }, world.env)

    const run = async (act: Act, call: ProviderCall): Promise<void> => {
      call.signal.throwIfAborted()
      const invocation = dialect.invoke(program, act, world.env)
      if (!invocation) return
      const env = { ...act.records[0]?.challenge.env, ACME_STATE_DIR: resolve(values['state-dir']), ...invocation.env }
      const cwd = dialect.inRoot ? '/' : '.'
      const { exit, output, said, late } = await runNamed(
        world,
        label,
        { ...invocation, env, cwd, timeoutSeconds },
        call,
      )
      if (act.action === 'present') for (const record of act.records) outputs.set(recordKey(record), output)
      if (exit === 0) return
      const message = `${label}: ${act.action} for ${hostsOf(act)}: ${said}`
      if (late) throw unavailable(message)
      const fault = exit < 0 ? 'failed' : dialect.fault(exit, act.action)
      if (fault === 'ignored' || (fault === 'not mine' && act.action === 'cleanup')) return call.log.warn(message)
      if (act.action === 'present') for (const record of act.records) failed.add(recordKey(record))
      const failure = refused(
        message,
        fault === 'not mine' ? 'by that it says that it does not handle this name' : undefined,
      )
      throw exit < 0 ? unwritten(failure) : failure // what was never started has written nothing; an exit status proves nothing
    }

    /** Values of one host come one after the other, whatever may run at the same time. */
    const each = (action: Act['action'], records: readonly TxtRecord[], call: ProviderCall): Promise<void> => {
      const all = [...groupBy(records, ({ challenge }) => challenge.host).values()].flat()
      const batches = chain && all.length > 0 ? [all] : all.map(record => [record])
      const acts = batches.map((batch, i): Act => {
        const output = batch[0] ? (outputs.get(recordKey(batch[0])) ?? '') : ''
        return { action, records: batch, remaining: batches.length - 1 - i, all, output }
      })
      const ofHosts = groupBy(acts, act => act.records[0]?.challenge.host)
      return settleAll(
        [...ofHosts.values()].map(ofHost =>
          limit(async () => {
            await oneByOne(ofHost, act => run(act, call))
          }),
        ),
      )
    }

    return {
      oneValuePerName: !dialect.several,
      knowsHostOnly: !dialect.saysRecordName,
      present: (records, call) => {
        const wanted = unique(records)
        for (const record of wanted) failed.delete(recordKey(record))
        return each('present', wanted, call)
      },
      cleanup: (records, call) =>
        each(
          'cleanup',
          unique(records).filter(record => !(failed.delete(recordKey(record)) && dialect.failedLeavesNothing)),
          call,
        ),
    }
  },
})

function dialectOf(name: string | undefined, env: World['env']): DialectName {
  if (name === undefined) {
    if (!env.EXEC_PATH || env.DNS01_EXEC_COMMAND) return 'acmetool'
    return env.EXEC_MODE === 'RAW' ? 'lego-raw' : 'lego'
  }
  if (Object.hasOwn(dialects, name)) return name as DialectName
  throw new Dns01Error('CONFIG', `exec: there is no dialect "${name}"`, {
    hint: `there are: ${Object.keys(dialects).join(', ')}`,
  })
}

function atOnce(text: string | undefined, usual: number): number {
  const calls = text === undefined ? usual : Number(text)
  if (Number.isInteger(calls) && calls > 0) return calls
  throw new Dns01Error('CONFIG', `exec: at-once is ${JSON.stringify(text)}`, { hint: 'give a whole number above 0' })
}

const unique = (records: readonly TxtRecord[]): TxtRecord[] =>
  [...groupBy(records, recordKey).values()].flatMap(same => same.slice(0, 1))

const hostsOf = ({ records }: Act): string => records.map(({ challenge }) => challenge.host).join(', ')

/** Runs it with its lines in the log. `said`: why it could not be started or was ended, else its status and last line. */
async function runNamed(
  world: Pick<World, 'run' | 'env'>,
  label: string,
  { argv, env, ...rest }: Invocation & { readonly cwd: string; readonly timeoutSeconds: number },
  { signal, log }: ProviderCall,
) {
  let last = ''
  const line = (text: string) => {
    log.info(`${label}: ${text}`)
    if (text.trim() !== '') last = `: ${text.trim().slice(0, 300)}`
  }
  const { exit, output, problem, late } = await world.run(argv, {
    ...rest,
    env: { ...world.env, ...env },
    input: '',
    signal,
    line,
  })
  return { exit, output, late, said: problem ?? `exited with ${exit}${last}` }
}

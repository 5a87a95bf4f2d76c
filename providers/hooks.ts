// acmetool's challenge hooks as a provider: every executable in the folders of hooks is run for each record.
import pLimit from 'p-limit'
import {
  defineProvider,
  findHooks,
  groupBy,
  type HookResult,
  holdSeveralValues,
  hookFolders,
  hookTimeoutSeconds,
  notMyEvent,
  type Provider,
  type ProviderCall,
  parseSeconds,
  recordKey,
  refused,
  runHooks,
  settleAll,
  type TxtRecord,
  unavailable,
} from '../src/provider/shipped.js'

/** Hosts whose hooks run at the same time. */
const hostsAtOnce = 8

export default defineProvider({
  name: 'hooks',
  summary: "acmetool's way: runs every executable of the hooks folders with challenge-dns-start and challenge-dns-stop",
  settings: {
    folders: {
      env: ['ACME_HOOKS_DIR'],
      help: 'folders with hooks, one a line; those of /etc/acme/hooks, /usr/libexec/acme/hooks, /usr/lib/acme/hooks when absent',
    },
    'state-dir': { env: ['ACME_STATE_DIR'], help: 'what hooks find in ACME_STATE_DIR', default: '/var/lib/acme' },
    timeout: {
      env: ['DNS01_HOOK_TIMEOUT'],
      help: 'seconds until a hook is ended together with its children',
      default: String(hookTimeoutSeconds),
    },
  },
  batch: false,
  additive: false,
  findsZone: true,
  oneValuePerName: true,
  testedWith: 'real programs: hooks that keep their records in files',
  open(values, world): Provider {
    const folders = hookFolders({ ACME_HOOKS_DIR: values.folders })
    const timeoutSeconds = parseSeconds('hooks: timeout', values.timeout)
    const limit = pLimit(hostsAtOnce)
    /** Starts that every hook declined or failed by itself: acmetool calls no stop for them. */
    const declined = new Set<string>()

    const run = async (event: string, { challenge, value }: TxtRecord, { log, signal }: ProviderCall) => {
      const args = [challenge.host, challenge.targetFile, value, '']
      const about = { folders, event, args, stdin: '', env: challenge.env, stateDir: values['state-dir'] }
      const outcome = await runHooks({ ...world, log }, { ...about, timeoutSeconds, signal })
      for (const { failed, hook, complaint } of outcome.results) if (failed) log.error(`hook ${hook}: ${complaint}`)
      return outcome
    }

    const start = async (record: TxtRecord, call: ProviderCall): Promise<void> => {
      declined.delete(recordKey(record))
      const { results, succeeded } = await run('challenge-dns-start', record, call)
      if (succeeded) return
      if (results.some(({ late }) => late)) throw unavailable(complaints('in time accepted', record, results))
      declined.add(recordKey(record))
      throw refused(complaints('accepted', record, results), `a hook must exit with 0; looked in ${folders.join(', ')}`)
    }

    const stop = async (record: TxtRecord, call: ProviderCall): Promise<void> => {
      if (declined.delete(recordKey(record))) return
      const { results, succeeded } = await run('challenge-dns-stop', record, call)
      if (succeeded) return
      const message = complaints('withdrew', record, results)
      if (results.every(({ exit }) => exit === notMyEvent)) return call.log.warn(message)
      throw results.some(({ late }) => late) ? unavailable(message) : refused(message)
    }

    return {
      oneValuePerName: !holdSeveralValues(world, findHooks(world, folders)),
      knowsHostOnly: true,
      present: (records, call) => eachHost(limit, records, record => start(record, call), call.signal),
      cleanup: (records, call) => eachHost(limit, records, record => stop(record, call), call.signal),
    }
  },
})

/** Hosts side by side, the values of one host one after the other, the same value once. */
function eachHost(
  limit: ReturnType<typeof pLimit>,
  records: readonly TxtRecord[],
  act: (record: TxtRecord) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const once = groupBy(records, recordKey).values()
  const hosts = groupBy(
    [...once].flatMap(same => same.slice(0, 1)),
    record => record.challenge.host,
  )
  return settleAll(
    [...hosts.values()].map(ofHost =>
      limit(async () => {
        for (const record of ofHost) {
          signal.throwIfAborted()
          await act(record)
        }
      }),
    ),
  )
}

/** `no hook accepted …` with the complaint of each. */
function complaints(did: string, { challenge }: TxtRecord, results: readonly HookResult[]): string {
  const each = results.map(
    ({ hook, exit, said }) => `${hook} ${exit === notMyEvent ? 'does not handle it' : said || `exited with ${exit}`}`,
  )
  return `no hook ${did} the DNS challenge of ${challenge.host} (${each.join('; ') || 'there is none'})`
}

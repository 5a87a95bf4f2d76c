// How the scripts of other ACME clients are called: arguments, variables, order of calls, meaning of the exit status.
import { resolve } from 'node:path'
import { Dns01Error, notMyEvent, type TxtRecord } from '../../src/provider/shipped.js'

/** The program that a user has, as the settings name it. */
export interface Program {
  /** As written. */
  readonly line: string
  /** Split into words, the first made absolute if it is a path. */
  readonly words: readonly string[]
  /** certbot's second command. */
  readonly cleanupLine?: string | undefined
}

/** One call of it. Several records only where the dialect is asked to chain. */
export interface Act {
  readonly action: 'present' | 'cleanup'
  readonly records: readonly TxtRecord[]
  /** Calls that follow for the same batch; 0: the last. */
  readonly remaining: number
  /** All records of the batch. */
  readonly all: readonly TxtRecord[]
  /** What the present call of the same record wrote to stdout. */
  readonly output: string
}

/** What is run: words as execve(2) takes them, and variables beside those that dns01 has itself. */
export interface Invocation {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** How one ACME client calls the programs of its users: names, arguments, environment, what an exit status means. */
export interface Dialect {
  /** undefined: this client makes no call here. */
  invoke(program: Program, act: Act, env: Readonly<Record<string, string | undefined>>): Invocation | undefined
  /** What a status other than 0 means. `ignored`: the client goes on, and so do we; whether the record is there shows in the DNS. */
  fault(exit: number, action: Act['action']): 'failed' | 'not mine' | 'ignored'
  /** Its programs must hold several values at a name: the client places them all before the first is validated. */
  readonly several: boolean
  /** No cleanup call follows a present call that failed by itself. */
  readonly failedLeavesNothing: boolean
  /** Calls at the same time, unless the settings say otherwise. */
  readonly atOnce: number
  /** Its programs hear where the record stands; those of others make that of the host by themselves. */
  readonly saysRecordName?: boolean
  /** The working directory is `/`; else ours. */
  readonly inRoot?: boolean
}

const failed = () => 'failed' as const

/** acmetool's hook, one program instead of a folder (hooks/hooks.go). */
const acmetool: Dialect = {
  invoke: ({ words }, { action, records: [record] }) =>
    record && {
      argv: [
        ...words,
        action === 'present' ? 'challenge-dns-start' : 'challenge-dns-stop',
        record.challenge.host,
        record.challenge.targetFile,
        record.value,
        '',
      ],
      env: {},
    },
  fault: exit => (exit === notMyEvent ? 'not mine' : 'failed'),
  several: false,
  failedLeavesNothing: true,
  atOnce: 8,
  inRoot: true,
}

/** certbot --manual-auth-hook and --manual-cleanup-hook (plugins/manual.py): a line for the shell; its exit status is only logged. */
const certbot: Dialect = {
  invoke: ({ line, cleanupLine }, { action, records: [record], remaining, all, output }) => {
    const command = action === 'present' ? line : cleanupLine
    if (!record || !command) return undefined
    const hosts = all.map(({ challenge }) => challenge.host).join(',')
    return {
      argv: ['/bin/sh', '-c', command],
      env: {
        CERTBOT_DOMAIN: record.challenge.host,
        CERTBOT_IDENTIFIER: record.challenge.host,
        CERTBOT_VALIDATION: record.value,
        CERTBOT_REMAINING_CHALLENGES: String(remaining),
        CERTBOT_ALL_DOMAINS: hosts,
        CERTBOT_ALL_IDENTIFIERS: hosts,
        ...(action === 'cleanup' ? { CERTBOT_AUTH_OUTPUT: output.trim() } : {}),
      },
    }
  },
  fault: () => 'ignored',
  several: true,
  failedLeavesNothing: false,
  atOnce: 1,
}

/**
 * dehydrated's hook (docs/examples/hook.sh): triples of host, token and value, more than one with HOOK_CHAIN
 * (docs/hook_chain.md).
 */
const dehydrated: Dialect = {
  invoke: ({ words }, { action, records }) => ({
    argv: [
      ...words,
      action === 'present' ? 'deploy_challenge' : 'clean_challenge',
      ...records.flatMap(({ challenge, value }) => [challenge.host, challenge.token, value]),
    ],
    env: {},
  }),
  fault: failed,
  several: true,
  failedLeavesNothing: false,
  atOnce: 1,
}

/** lego's exec provider (providers/dns/exec): the name after CNAMEs, with a final dot. lego validates one name after the other. */
const lego: Dialect = {
  invoke: ({ words }, { action, records: [record] }) =>
    record && { argv: [...words, action, `${record.name}.`, record.value], env: {} },
  fault: failed,
  several: false,
  failedLeavesNothing: false,
  atOnce: 1,
  saysRecordName: true,
}

/** The same with EXEC_MODE=RAW: the program itself makes the value from the key authorization (RFC 8555 §8.4). */
const legoRaw: Dialect = {
  ...lego,
  saysRecordName: false,
  invoke: ({ words }, { action, records: [record] }) =>
    record && {
      argv: [...words, action, '--', record.challenge.host, record.challenge.token, record.challenge.keyAuthorization],
      env: {},
    },
}

/**
 * uacme -h (uacme.1): `begin` may decline, and then no further call comes; after it `done` or `failed`, of which we know
 * only that it is over.
 */
const uacme: Dialect = {
  invoke: ({ words }, { action, records: [record] }) => {
    if (!record) return undefined
    const method = action === 'present' ? 'begin' : 'done'
    const { challenge, value } = record
    return {
      argv: [...words, method, 'dns-01', challenge.host, challenge.token, value],
      env: {
        UACME_METHOD: method,
        UACME_TYPE: 'dns-01',
        UACME_IDENT: challenge.host,
        UACME_TOKEN: challenge.token,
        UACME_AUTH: value,
        UACME_VERBOSE: '0',
      },
    }
  },
  fault: (_, action) => (action === 'present' ? 'not mine' : 'failed'),
  several: false,
  failedLeavesNothing: true,
  atOnce: 1,
}

/**
 * Reads acme.sh and its dns script into one shell, as acme.sh itself does when it issues, and calls the function.
 * acme.sh ends with `main "$@"`, which runs its first word: `:` does nothing. `$0` is acme.sh, from which it finds its
 * dnsapi folder; account.conf beside it makes that folder its home. Data come as arguments and are never code.
 */
export const acmeShScript = `
dns01_script=$1 dns01_function=$1_$2 dns01_host=$3 dns01_name=$4 dns01_value=$5
if [ -z "$LE_WORKING_DIR" ] && [ -f "\${0%/*}/account.conf" ]; then LE_WORKING_DIR=\${0%/*}; fi
set -- :
. "$0" || exit
_initpath "$dns01_host" || exit
dns01_file=$(_findHook "$dns01_host" dnsapi "$dns01_script")
if [ -z "$dns01_file" ]; then echo "acme.sh has no $dns01_script" >&2; exit 1; fi
. "$dns01_file" || exit
"$dns01_function" "$dns01_name" "$dns01_value"
`

/**
 * An installed acme.sh's dnsapi script (`dns_cf`). Its credentials come from the environment or its account.conf.
 * One call at a time: acme.sh keeps the headers of its last answer, and what it saves, in files that all calls share.
 */
const acmesh: Dialect = {
  invoke: ({ words }, { action, records: [record] }, env) => {
    const { acmeSh, script } = acmeShWords(words, env)
    return (
      record && {
        argv: [
          '/bin/sh',
          '-c',
          acmeShScript,
          acmeSh,
          script,
          action === 'present' ? 'add' : 'rm',
          record.challenge.host,
          record.name,
          record.value,
        ],
        env: {},
      }
    )
  },
  fault: failed,
  several: true,
  failedLeavesNothing: false,
  atOnce: 1,
  saysRecordName: true,
}

/** `dns_cf`, or `/where/it/is/acme.sh dns_cf`, with an absolute path. @throws Dns01Error CONFIG */
function acmeShWords(words: readonly string[], env: Readonly<Record<string, string | undefined>>) {
  const script = words.at(-1) ?? ''
  const path = words.length > 1 ? words[0] : undefined
  if (words.length > 2 || path?.startsWith('/') === false || !/^dns_[A-Za-z0-9_]+$/.test(script))
    throw new Dns01Error('CONFIG', `"${words.join(' ')}" is not the name of an acme.sh DNS script`, {
      hint: 'give its name, as dns_cf, or the path of acme.sh and its name',
    })
  const home = env.LE_WORKING_DIR || (env.HOME && `${env.HOME}/.acme.sh`)
  if (!path && !home)
    throw new Dns01Error('CONFIG', 'cannot tell where acme.sh is: neither LE_WORKING_DIR nor HOME is set', {
      hint: `write its path in front: /root/.acme.sh/acme.sh ${script}`,
    })
  return { script, acmeSh: path ?? `${home}/acme.sh` }
}

export const dialects = { acmetool, certbot, dehydrated, lego, 'lego-raw': legoRaw, uacme, acmesh } as const
export type DialectName = keyof typeof dialects

/**
 * Splits a command as a shell would without doing anything else: blanks separate, '…' and "…" and \\ keep them.
 * A first word with a slash is made absolute.
 * @throws Dns01Error CONFIG: nothing in it, or a quote without its end
 */
export function commandWords(line: string): string[] {
  const words: string[] = []
  let rest = line.trim()
  while (rest !== '') {
    const [word = ''] = rest.match(/^(?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+/) ?? []
    if (word === '')
      throw new Dns01Error('CONFIG', `the command ${JSON.stringify(line)} has a quote that is not closed`)
    words.push(word.replace(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])/g, unquote))
    rest = rest.slice(word.length)
    if (rest !== '' && !/^\s/.test(rest))
      throw new Dns01Error('CONFIG', `the command ${JSON.stringify(line)} has a quote that is not closed`)
    rest = rest.trimStart()
  }
  const [first, ...others] = words
  if (first === undefined) throw new Dns01Error('CONFIG', 'the command is empty')
  return [first.includes('/') ? resolve(first) : first, ...others]
}

const unquote = (_: string, single?: string, double?: string, escaped?: string): string =>
  single ?? double?.replace(/\\(["\\$`])/g, '$1') ?? escaped ?? ''

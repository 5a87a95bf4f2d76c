import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { need } from './need.js'
import { atEnd } from './process.js'

const run = promisify(execFile)

export interface NetnsOptions {
  /** Besides 127.0.0.0/8 and ::1, which are always there. With a public or ULA IPv6 address on `lo`, "localhost" no longer resolves (EAI_AGAIN). */
  readonly addresses?: readonly string[]
  /** What /etc/resolv.conf says inside; default 127.0.0.1. */
  readonly resolvers?: readonly string[]
  /** What /etc/hosts says inside, after localhost. */
  readonly hosts?: string
}

export interface Netns {
  /** For the `netns` option of startPebble, startBind and runDns01. */
  readonly name: string
  /** Runs a command inside; throws when it fails. Resolves to its stdout. */
  exec(argv: readonly string[]): Promise<string>
  /** Another address on its loopback interface. */
  addAddress(address: string): Promise<void>
  removeAddress(address: string): Promise<void>
}

const names = new Set<string>()
atEnd(() => {
  for (const name of names) remove(name)
})

function remove(name: string): void {
  names.delete(name)
  rmSync(`/etc/netns/${name}`, { recursive: true, force: true })
  try {
    execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
  } catch {}
}

const prefixed = (address: string): string => `${address}/${address.includes(':') ? 128 : 32}`

/** Another address on a namespace's loopback interface; one that is there stays. */
export async function addAddress(netns: string, address: string): Promise<void> {
  const nodad = address.includes(':') ? ['nodad'] : []
  await run(need('ip'), ['-n', netns, 'addr', 'replace', prefixed(address), 'dev', 'lo', ...nodad])
}

/**
 * A network of its own, with nothing but a loopback interface: port 53 is free in it, and nothing gets out. Deleted when
 * `work` ends, however it ends; stop what you started in it before.
 */
export async function withNetns<T>(options: NetnsOptions, work: (netns: Netns) => Promise<T>): Promise<T> {
  const ip = need('netns')
  const name = `dns01-${process.pid}-${randomBytes(3).toString('hex')}`
  names.add(name)
  try {
    const folder = `/etc/netns/${name}`
    mkdirSync(folder, { recursive: true })
    const resolvers = options.resolvers ?? ['127.0.0.1']
    writeFileSync(`${folder}/resolv.conf`, resolvers.map(server => `nameserver ${server}\n`).join(''))
    writeFileSync(`${folder}/hosts`, `127.0.0.1 localhost\n::1 localhost\n${options.hosts ?? ''}`)
    await run(ip, ['netns', 'add', name])
    await run(ip, ['-n', name, 'link', 'set', 'lo', 'up'])
    for (const each of options.addresses ?? []) await addAddress(name, each)
    return await work({
      name,
      exec: async ([...argv]) => (await run(ip, ['netns', 'exec', name, ...argv])).stdout,
      addAddress: address => addAddress(name, address),
      removeAddress: async address => {
        await run(ip, ['-n', name, 'addr', 'del', prefixed(address), 'dev', 'lo'])
      },
    })
  } finally {
    remove(name)
  }
}

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { need, needSystems, onlySystemsPebble } from './need.js'
import { accepts, freePort, startServer, temporaryFolder, untilPortsAreFree } from './process.js'
import { makeTestCa } from './test-ca.js'

export interface PebbleOptions {
  /** `127.0.0.1:5300`: whom it asks for TXT records (UDP only, no EDNS). Absent: the system's resolver. */
  readonly dnsServer?: string
  /** Percent of good nonces it refuses; Pebble's own default is 5. */
  readonly nonceReject?: number
  /** Percent of valid authorizations it reuses; Pebble's own default is 50. */
  readonly authzReuse?: number
  /** false: its validation takes up to 15 s, or `sleepSeconds`. Default true. */
  readonly noSleep?: boolean
  readonly sleepSeconds?: number
  /** Every challenge is found good without a look. */
  readonly alwaysValid?: boolean
  readonly netns?: string | undefined
  /** Life of the certificates; Pebble's default is five years (2.4) or 90 days (2.10). */
  readonly validitySeconds?: number
  /** What it offers, and how long certificates of each live; without, one profile. Asks for Pebble 2.10. */
  readonly profiles?: Readonly<Record<string, { readonly description: string; readonly validityPeriod: number }>>
  /** External account binding: key id → base64url HMAC key; none without. */
  readonly externalAccountKeys?: Readonly<Record<string, string>>
  readonly blockedDomains?: readonly string[]
  /** The system's own, though a newer one was built: older clients cannot read a challenge without a token, which the new one offers. */
  readonly systems?: boolean
  /** What it says with authorizations and orders that are not done; nothing by default. Asks for Pebble 2.10. */
  readonly retryAfterSeconds?: { readonly authz: number; readonly order: number }
  /** By which names it knows itself in records of dns-persist-01; default pebble.letsencrypt.org. */
  readonly caaIdentities?: readonly string[]
  /** Intermediates below the root; default 1. */
  readonly chainLength?: number
  /** So many more roots, with a chain up to each. */
  readonly alternateRoots?: number
}

export interface Pebble {
  readonly pid: number
  readonly directoryUrl: string
  readonly managementUrl: string
  /** The CA that signed Pebble's own HTTPS certificate: for SSL_CERT_FILE. */
  readonly caFile: string
  log(): string
  /** What it was asked so far: `POST /sign-me-up`. */
  requests(): string[]
  stop(): Promise<void>
}

/** A new Pebble (ACME test CA) on free ports of 127.0.0.1; it forgets everything when stopped. */
export const startPebble = (options: PebbleOptions = {}): Promise<Pebble> => untilPortsAreFree(() => start(options))

async function start(options: PebbleOptions): Promise<Pebble> {
  const program = options.systems ? needSystems('pebble') : need('pebble')
  const folder = temporaryFolder('pebble')
  const file = (name: string) => join(folder.path, name)
  const [port, managementPort] = [await freePort(), await freePort()]
  const tls = await makeTestCa()
  for (const [name, text] of Object.entries(tls)) writeFileSync(file(`${name}.pem`), text, { mode: 0o600 })
  const { validitySeconds } = options
  const config = {
    listenAddress: `127.0.0.1:${port}`,
    managementListenAddress: `127.0.0.1:${managementPort}`,
    certificate: file('cert.pem'),
    privateKey: file('key.pem'),
    httpPort: 5002,
    tlsPort: 5001,
    ocspResponderURL: '',
    externalAccountBindingRequired: options.externalAccountKeys !== undefined,
    externalAccountMACKeys: options.externalAccountKeys,
    domainBlocklist: options.blockedDomains,
    certificateValidityPeriod: validitySeconds, // 2.4
    profiles:
      options.profiles ??
      (validitySeconds && { default: { description: 'of the test', validityPeriod: validitySeconds } }), // 2.10
    retryAfter: options.retryAfterSeconds,
    caaIdentities: options.caaIdentities,
  }
  writeFileSync(file('pebble.json'), JSON.stringify({ pebble: config }))
  const args = ['-config', file('pebble.json'), ...(options.dnsServer ? ['-dnsserver', options.dnsServer] : [])]
  try {
    const server = await startServer([program, ...args], {
      ready: /ACME directory available/,
      env: environment(options),
      netns: options.netns,
    })
    for (const each of [port, managementPort]) await accepts(each, options.netns)
    return {
      pid: server.pid,
      directoryUrl: `https://localhost:${port}/dir`,
      managementUrl: `https://localhost:${managementPort}`,
      caFile: file('ca.pem'),
      log: server.log,
      requests: () =>
        [...server.log().matchAll(/ ([A-Z]+ \/\S*) -> calling handler/g)].map(([, request]) => `${request}`),
      stop: async () => {
        await server.stop()
        folder.remove()
      },
    }
  } catch (error) {
    folder.remove()
    throw error
  }
}

/**
 * For `describe.skipIf(pebbleLacks('Retry-After'))`: whether it is one before 2.10, which knows no `-version`, and not that
 * either; said on stderr. On CI the answer is no, so that a machine without the newest fails; but for the pass that is to
 * run with the system's.
 */
export function pebbleLacks(what: string): boolean {
  if (process.env.CI && !onlySystemsPebble) return false
  if (spawnSync(need('pebble'), ['-version'], { stdio: 'ignore' }).status === 0) return false
  process.stderr.write(`\nSKIPPED, NOT TESTED: this Pebble is older than 2.10, and has no ${what}\n`)
  return true
}

/**
 * Each Pebble that is here: the newest (2.10.1, which test/setup.mjs builds where Go is), and the system's own (Debian: 2.4) if
 * that is another. For `describe.skipIf(lacking('pebble')).each(pebbles())('…, $which', ({ systems }) => …)`.
 *
 * Versions differ in how a CA speaks, so these start both wherever they run: acme.test.ts (each kind of request, problem documents,
 * EAB), accounts.test.ts (an account's life), pebbles.test.ts (a whole run: records at BIND, wildcard, renewal, revocation),
 * own-request, preferred-chain and key-reuse. second-ca.test.ts and hook-clients.test.ts have one of each beside each other. All others
 * run with the newest, and in .ci/run once more with the system's (DNS01_PEBBLE=system; test/pebbles.mjs says which are no matter of
 * the CA), but for what 2.4 has not: renewal information, Retry-After, several profiles, dns-account-01, dns-persist-01 (pebbleLacks()).
 *
 * The newest, against 2.4: asks DNS by TCP only, three connections at once for a name, so that a name server must queue many
 * (bind.ts); refuses requests without User-Agent; picks a profile at random where several are configured and none is asked for;
 * sends no Location with finalize; has the Host header of a request in account URLs, so that it must be called by one name;
 * answers 409 alreadyReplaced.
 */
export function pebbles(): { readonly systems: boolean; readonly which: string }[] {
  const newest = { systems: false, which: 'the newest' }
  if (onlySystemsPebble) return [{ systems: true, which: "the system's own" }]
  try {
    if (need('pebble') !== needSystems('pebble')) return [newest, { systems: true, which: "the system's own" }]
  } catch {
    return [newest] // there is none: who starts it is skipped, or fails on CI
  }
  process.stderr.write('\nthere is one Pebble only: what another version does is not tested\n')
  return [{ systems: false, which: 'the only one here' }]
}

function environment(options: PebbleOptions): Record<string, string> {
  const { noSleep = options.sleepSeconds === undefined, nonceReject, authzReuse, chainLength, alternateRoots } = options
  return {
    ...(noSleep && { PEBBLE_VA_NOSLEEP: '1' }),
    ...(options.sleepSeconds !== undefined && { PEBBLE_VA_SLEEPTIME: `${options.sleepSeconds}` }),
    ...(options.alwaysValid && { PEBBLE_VA_ALWAYS_VALID: '1' }),
    ...(nonceReject !== undefined && { PEBBLE_WFE_NONCEREJECT: `${nonceReject}` }),
    ...(authzReuse !== undefined && { PEBBLE_AUTHZREUSE: `${authzReuse}` }),
    ...(alternateRoots !== undefined && { PEBBLE_ALTERNATE_ROOTS: `${alternateRoots}` }),
    ...(chainLength !== undefined && { PEBBLE_CHAIN_LENGTH: `${chainLength}` }),
  }
}

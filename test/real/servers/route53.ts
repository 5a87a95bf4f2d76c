import { request } from 'node:http'
import { join } from 'node:path'
import type { Faults } from '../../fakes/route53.js'
import { compiled } from './compiled.js'
import { startServer, temporaryFolder } from './process.js'

export interface Route53Setup {
  readonly zones: readonly { readonly name: string; readonly id?: string; readonly isPrivate?: boolean }[]
  readonly syncSeconds: number
  /** By server name: so long after a change was accepted it shows it. */
  readonly lagSeconds: Readonly<Record<string, number>>
  /** Addresses by server name. */
  readonly servers: Readonly<Record<string, readonly string[]>>
  readonly resolver: string
  readonly keys: Readonly<Record<string, string>>
  readonly control: string
}

export interface Route53Control {
  /** Writes a set behind the API's back: TXT, or what `type` says. */
  readonly put?: {
    readonly zone: string
    readonly name: string
    readonly type?: string
    readonly values: readonly string[]
  }
  /** The resolver, which is what the CA asks, shows no TXT set. */
  readonly hideTxt?: boolean
  readonly faults?: Faults
}

export interface Route53Facts {
  readonly calls: Readonly<Record<string, number>>
  /** When each call came, milliseconds since 1970. */
  readonly callTimes: readonly number[]
  readonly batches: number
  readonly refusals: number
  readonly txt: readonly { readonly name: string; readonly values: readonly string[] }[]
}

export interface RunningRoute53 {
  /** For children: endpoint, keys, region; no metadata service is asked. */
  readonly env: Readonly<Record<string, string>>
  /** `ADDRESS:53` of the resolver, for Pebble and resolv.conf. */
  readonly resolver: string
  /** Changes what is wanted, and tells how things stand. */
  control(wish?: Route53Control): Promise<Route53Facts>
  stop(): Promise<void>
}

const keys = { AKIAIOSFODNN7EXAMPLE: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }

/** Address of the resolver inside the namespace. */
export const resolverAddress = '127.0.0.53'

/** The double of Route 53 in a network namespace, with four name servers at 127.0.0.11 to .14; the last has two addresses. */
export async function startRoute53(
  netns: string,
  options: Pick<Route53Setup, 'zones' | 'syncSeconds'> & Partial<Pick<Route53Setup, 'lagSeconds'>>,
): Promise<RunningRoute53> {
  const folder = temporaryFolder('route53')
  const program = await compiled('real/servers/route53-process.ts')
  const control = join(folder.path, 'control')
  const setup: Route53Setup = {
    lagSeconds: {},
    ...options,
    servers: {
      'ns-1.awsdns-01.test': ['127.0.0.11'],
      'ns-2.awsdns-02.test': ['127.0.0.12'],
      'ns-3.awsdns-03.test': ['127.0.0.13'],
      'ns-4.awsdns-04.test': ['127.0.0.14', '127.0.0.15'],
    },
    resolver: resolverAddress,
    keys,
    control,
  }
  const server = await startServer([process.execPath, program, JSON.stringify(setup)], { ready: /ready http/, netns })
  const [[id, secret]] = Object.entries(keys) as [[string, string]]
  return {
    env: {
      AWS_ACCESS_KEY_ID: id,
      AWS_SECRET_ACCESS_KEY: secret,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_ENDPOINT_URL_ROUTE_53: /ready (http\S+)/.exec(server.log())?.[1] ?? '',
    },
    resolver: `${resolverAddress}:53`,
    control: (wish = {}) => ask(control, wish),
    stop: async () => {
      await server.stop()
      folder.remove()
    },
  }
}

const ask = (socketPath: string, wish: Route53Control): Promise<Route53Facts> =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, method: 'POST', path: '/' }, async response => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve(JSON.parse(body))
    })
    sent.on('error', reject).end(JSON.stringify(wish))
  })

// The HTTP function that plugins expect to be handed (@root/request), made of World.fetch.
import type { World } from '../../src/provider/api.js'

/** What plugins hand to their `request`, of what @root/request knows (its README). */
export interface RequestOptions {
  readonly url?: string | URL
  readonly uri?: string | URL
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** true: the answer is JSON; anything else is the body, too. */
  readonly json?: unknown
  readonly form?: Readonly<Record<string, unknown>>
  readonly body?: unknown
  /** `user:password`, or its parts, or a bearer token. */
  readonly auth?: string | Readonly<Record<string, string>>
}

export interface RequestResponse {
  readonly statusCode: number
  readonly ok: boolean
  readonly headers: Readonly<Record<string, string>>
  /** Parsed when `json` was asked for and it is JSON. */
  readonly body: unknown
  toJSON(): unknown
}

type Done = (error: unknown, response?: RequestResponse, body?: unknown) => void

/** Silence of a server, or a whole request, longer than this is an error. */
const requestSeconds = 30

/**
 * The `request` that plugins are given by init({request}): called with a URL or options, with a callback or for a promise,
 * any status is an answer. Redirects are not followed.
 */
export const openRequest =
  (world: Pick<World, 'fetch' | 'clock'>) =>
  (asked: string | RequestOptions, done?: Done): Promise<RequestResponse | undefined> => {
    const answer = exchange(world, typeof asked === 'string' ? { url: asked } : asked)
    if (!done) return answer
    return answer.then(
      response => void done(null, response, response.body),
      error => void done(error),
    ) as Promise<undefined>
  }

async function exchange(world: Pick<World, 'fetch' | 'clock'>, options: RequestOptions): Promise<RequestResponse> {
  const { type, body } = payload(options)
  const headers = { ...type, ...authorization(options.auth), ...lowerCase(options.headers) }
  if (options.form) headers['content-type'] = formType
  const { status, ...answer } = await world.fetch(new URL(options.url ?? options.uri ?? ''), {
    method: (options.method ?? (body === undefined ? 'GET' : 'POST')).toUpperCase(),
    headers,
    ...(body === undefined ? {} : { body }),
    signal: world.clock.deadline(requestSeconds),
    timeoutSeconds: requestSeconds,
  })
  const plain = { statusCode: status, headers: answer.headers, body: parsed(answer.body, options.json) }
  return { ...plain, ok: status >= 200 && status < 300, toJSON: () => plain }
}

const formType = 'application/x-www-form-urlencoded'

/** body, then json, then form, as @root/request looks for them. */
function payload({ body, json, form }: RequestOptions): { type: Record<string, string>; body?: string | Uint8Array } {
  const jsonType = { 'content-type': 'application/json' }
  if (typeof body === 'string' || body instanceof Uint8Array) return { type: json ? jsonType : {}, body }
  if (body !== undefined) return { type: jsonType, body: JSON.stringify(body) }
  if (json !== undefined && typeof json !== 'boolean') return { type: jsonType, body: JSON.stringify(json) }
  if (!form) return { type: {} }
  const fields = Object.entries(form).filter(([, value]) => value !== undefined)
  return { type: {}, body: fields.map(pair => pair.map(String).map(encodeURIComponent).join('=')).join('&') }
}

function authorization(auth: RequestOptions['auth']): Record<string, string> {
  if (!auth) return {}
  if (typeof auth !== 'string' && auth.bearer) return { authorization: `Bearer ${auth.bearer}` }
  const pair =
    typeof auth === 'string' ? auth : `${auth.user ?? auth.username ?? ''}:${auth.pass ?? auth.password ?? ''}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

const lowerCase = (headers: Readonly<Record<string, string>> = {}): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

function parsed(bytes: Uint8Array, json: unknown): unknown {
  const text = Buffer.from(bytes).toString('utf8')
  if (!json) return text
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

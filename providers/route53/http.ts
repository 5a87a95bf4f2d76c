// The SDK's HTTP, done by World.fetch.
import type { World } from '../../src/provider/api.js'

/** The SDK's HTTP done by World.fetch: the user's proxies and CAs hold here too. */
export function throughWorld(world: Pick<World, 'fetch'>) {
  interface Request {
    method: string
    protocol: string
    hostname: string
    port?: number
    path: string
    query?: Record<string, string | string[] | null>
    headers: Record<string, string>
    body?: string | Uint8Array
  }
  return {
    metadata: { handlerProtocol: 'http/1.1' },
    async handle(request: Request, { abortSignal }: { abortSignal?: unknown } = {}) {
      const { method, headers, body } = request
      const url = new URL(
        `${request.protocol}//${request.hostname}${request.port ? `:${request.port}` : ''}${request.path}`,
      )
      for (const [key, value] of Object.entries(request.query ?? {})) url.searchParams.append(key, String(value))
      const signal = (abortSignal as AbortSignal | undefined) ?? new AbortController().signal
      const answer = await world.fetch(url, { method, headers, signal, ...(body && { body }) })
      return { response: { statusCode: answer.status, headers: { ...answer.headers }, body: answer.body } }
    },
    updateHttpClientConfig() {},
    httpHandlerConfigs: () => ({}),
    destroy() {},
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's handler type names classes of its own packages
  } as any
}

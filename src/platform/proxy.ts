/** Which HTTP proxy a URL is fetched through. Curl's rules hold, since the variables on a machine were written for them. */

import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'

/**
 * The proxy for a URL, as curl chooses it: https_proxy, http_proxy or all_proxy, unless no_proxy names the host; lower
 * case first, then upper case. undefined: none. Not the library proxy-from-env, which chooses otherwise: for
 * `no_proxy=corp.example` it sends ca.corp.example through the proxy, where curl goes there directly;
 * `https_proxy=HOST:PORT` it takes for a proxy that speaks TLS; and what is not a URL it hands back, password and all.
 * (`node test/bench/libraries.mjs`)
 * @throws Dns01Error CONFIG when it is not a URL
 */
export function proxyFor(url: URL, env: World['env']): URL | undefined {
  const of = (name: string): string => env[name] || env[name.toUpperCase()] || ''
  const scheme = url.protocol.slice(0, -1)
  const proxy = of(`${scheme}_proxy`) || of('all_proxy')
  if (
    proxy === '' ||
    of('no_proxy')
      .split(/[\s,]+/)
      .some(entry => names(entry, url))
  )
    return undefined
  const text = proxy.includes('://') ? proxy : `http://${proxy}`
  if (URL.canParse(text)) return new URL(text)
  throw new Dns01Error('CONFIG', `the proxy for ${url.origin} is not a URL`, {
    hint: `see ${scheme}_proxy and all_proxy, in lower or upper case: http://HOST:PORT`,
  })
}

/** `*`, `host`, `.domain`, `*.domain`, each with `:port` or without; a domain has all hosts below it, as for curl. */
function names(entry: string, { hostname, port, protocol }: URL): boolean {
  const [, host = '', wantedPort] = entry.toLowerCase().match(/^(\[.*\]|[^:]*|.*:.*:.*?)(?::(\d+))?$/) ?? []
  if (host === '' || (wantedPort && wantedPort !== (port || (protocol === 'https:' ? '443' : '80')))) return false
  if (host === '*') return true
  const bare = (text: string): string => text.replace(/^\[|\]$/g, '')
  const domain = bare(host.replace(/^\*?\./, ''))
  return bare(hostname) === domain || bare(hostname).endsWith(`.${domain}`)
}

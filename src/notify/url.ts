// URLs that notices go to: checked before anything is asked, and kept out of every log, since most are passwords.
import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'

/** Hosts that are this machine: nobody listens on the way (RFC 6761 §6.3, RFC 1122 §3.2.1.3, RFC 4291 §2.5.3). */
export const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\]|::1)$/.test(host)

/** @throws Dns01Error CONFIG for what is no URL, or would show the secret in it to everybody on the way */
export function postUrl({ log }: Pick<World, 'log'>, variable: string, text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol))
    throw new Dns01Error('CONFIG', `${variable} is not a URL`, { hint: 'give it whole: https://HOST/PATH' })
  if (url.username !== '' || url.password !== '')
    throw new Dns01Error('CONFIG', `${variable} has a user or password in it`, { hint: 'they would not be sent' })
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    throw new Dns01Error('CONFIG', `${variable} is http: all on the way could read it, and send notices of their own`, {
      hint: 'give a URL with https; http is taken for this machine only',
    })
  if (url.pathname + url.search !== '/') log.mask(url.pathname + url.search)
  return url
}

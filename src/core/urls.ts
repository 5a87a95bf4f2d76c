// Parts of URLs that people and servers gave us, which may not be URLs at all.
/** Host and port, as in the Host field (RFC 9110 §7.2); '' for what is not a URL. */
export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '')

/** Whether two URLs lead to the same place: scheme and host in any case, with or without the default port. */
export const isSameUrl = (a: string, b: string): boolean =>
  URL.canParse(a) && URL.canParse(b) ? new URL(a).href === new URL(b).href : a === b

/**
 * Whether a text can be the URL of an ACME directory: https (RFC 8555 §6.1), and http only to this machine itself, where
 * nobody listens in: test CAs, and tunnels that begin here.
 */
export function isDirectoryUrl(text: string): boolean {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return false // "https:host" is a URL for node, and a slip here
  const { protocol, hostname } = new URL(text)
  return protocol === 'https:' || /^(localhost|127(\.\d+){3}|\[::1\])$/.test(hostname)
}

/** The host alone; '' for what is not a URL. */
export const hostnameOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '')

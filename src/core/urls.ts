// Parts of URLs that people and servers gave us, which may not be URLs at all.
/** Host and port, as in the Host field (RFC 9110 §7.2); '' for what is not a URL. */
export const hostOf = (url: string): string => (URL.canParse(url) ? new URL(url).host : '')

/** The host alone; '' for what is not a URL. */
export const hostnameOf = (url: string): string => (URL.canParse(url) ? new URL(url).hostname : '')

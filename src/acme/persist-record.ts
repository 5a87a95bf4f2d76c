// The TXT record of dns-persist-01 as text (draft-ietf-acme-dns-persist): it names a CA and an account, and stands for
// years. A person publishes it; dns01 prints it and reads it. Its syntax is the issue-value of CAA (RFC 8659 §4.2):
//
//     authority.example; accounturi=https://ca.example/acct/123; policy=wildcard; persistUntil=1798761600
//
// Pure: what an account's `accounturi` must be, and whether a record is good for us, is persist.ts.

/** What a record says. Tags that are not in the draft are ignored, as it wants. */
export interface PersistRecord {
  /** Which CA it is for, in lower case (issuer-domain-name). As far as it can be read where the rest is malformed. */
  readonly issuer: string
  /** Which account: its URL, or a hash (see persist.ts). */
  readonly accountUri?: string | undefined
  /** `policy=wildcard`: for `*.` in front of the name, too. */
  readonly wildcard: boolean
  /** Good until then; for ever if absent. */
  readonly until?: Date | undefined
  /** What about it is against the syntax. A CA ignores such a record, or refuses for its sake. */
  readonly malformed?: string | undefined
}

/** Blanks of RFC 8659 §4.2: space and tab, and nothing else that `\s` and trim() would take. */
const BLANKS = /^[ \t]+|[ \t]+$/g
/** Labels of letters, digits and inner hyphens, with dots between (RFC 8659 §4.2, issuer-domain-name). */
const ISSUER = /^[a-z0-9]+(-+[a-z0-9]+)*(\.[a-z0-9]+(-+[a-z0-9]+)*)*$/i
const TAG = /^[a-z0-9]+(-+[a-z0-9]+)*$/i
/** Visible ASCII; the `;`, which ends it, was taken out before. */
const VALUE = /^[!-~]*$/

/** What can be read of a TXT value. Never throws: at the name stand records for other CAs, and texts of any kind. */
export function parsePersistRecord(text: string): PersistRecord {
  const [first = '', ...parts] = text.split(';').map(part => part.replace(BLANKS, ''))
  const issuer = first.toLowerCase()
  const bad = (malformed: string): PersistRecord => ({ issuer, wildcard: false, malformed })
  if (!ISSUER.test(first)) return bad(`${quoted(first)} is not the name of a CA`)
  // The grammar has a `;` between two parameters and none behind the last (RFC 8659 §4.2, parameters).
  if (parts.at(-1) === '') return bad('it ends with ";"')
  const values = new Map<string, string>()
  for (const part of parts) {
    const at = part.indexOf('=')
    const tag = part.slice(0, Math.max(at, 0)).replace(BLANKS, '').toLowerCase()
    const value = part.slice(at + 1).replace(BLANKS, '')
    if (at < 0 || !TAG.test(tag)) return bad(`${quoted(part)} is not TAG=VALUE`)
    if (!VALUE.test(value)) return bad(`the value of ${tag} has a character that is not visible ASCII`)
    // The draft forbids it of every tag, known or not: which of the two counts would be anybody's guess.
    if (values.has(tag)) return bad(`it has ${tag} twice`)
    values.set(tag, value)
  }
  const until = values.get('persistuntil')
  if (until !== undefined && !/^\d+$/.test(until)) return bad(`persistUntil=${until} is not a number of seconds`)
  return {
    issuer,
    accountUri: values.get('accounturi'),
    wildcard: values.get('policy')?.toLowerCase() === 'wildcard', // other policies say nothing, as if there were none
    until: until === undefined ? undefined : dateOf(until),
  }
}

const quoted = (text: string): string => JSON.stringify(text.slice(0, 60))

/** The last moment that a Date can hold (ECMA-262, time values); who writes more means for ever. */
const lastMs = 8.64e15

const dateOf = (seconds: string): Date => new Date(Math.min(Number(seconds) * 1000, lastMs))

/**
 * The TXT value that says this. The order of the tags is of no matter (RFC 8659 §4.2); this one is that of the drafts' examples.
 * Whole seconds, downwards: the record must not promise more than was asked for.
 */
export const persistText = ({ issuer, accountUri, wildcard, until }: PersistRecord): string =>
  [
    issuer,
    `accounturi=${accountUri}`,
    ...(wildcard ? ['policy=wildcard'] : []),
    ...(until ? [`persistUntil=${Math.floor(until.getTime() / 1000)}`] : []),
  ].join('; ')

/** As a zone file has it: strings of at most 255 octets (RFC 1035 §3.3), in quotes, with `"` and `\` escaped (§5.1). */
export const zoneFileStrings = (text: string): string =>
  (text.match(/.{1,255}/g) ?? ['']).map(part => `"${part.replace(/["\\]/g, '\\$&')}"`).join(' ')

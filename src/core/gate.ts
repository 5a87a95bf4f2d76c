/**
 * What all text passes before it is logged, printed or kept: much of it comes from strangers (a CA, a DNS provider, a hook, whoever
 * names a file), who must not drive the terminal, forge a line of the log, fill the disk, or hand our own secrets on.
 */

/** Of one text; the longest that a CA has sent us in good faith (a problem with a hundred subproblems) is about as long. */
const longestText = 2000

const SHORT: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Controls (C0, DEL, C1), what reorders or hides text (bidi, zero width), other line ends, halves of a character. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/** One line, in which whatever a terminal would obey instead of showing it stands as `\x1b` or `\u202e`. */
export const shown = (text: string): string => text.replace(UNSEEN, one => SHORT[one] ?? escaped(one))

function escaped(one: string): string {
  const code = one.codePointAt(0) ?? 0
  const digits = code.toString(16)
  if (code < 0x100) return `\\x${digits.padStart(2, '0')}`
  return code < 0x10000 ? `\\u${digits.padStart(4, '0')}` : `\\u{${digits}}`
}

/** JSON that is safe to look at and means the same: JSON.stringify() leaves DEL, C1 and bidi controls as they are. */
export const shownJson = (json: string): string =>
  json.replace(UNSEEN, one =>
    one === '\n' ? one : Array.from({ length: one.length }, (_, i) => unit(one.charCodeAt(i))).join(''),
  )

const unit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`

/** The beginning of a text, and how much was left out. Masked before it is cut, lest a part of a secret stays. */
export const brief = (text: string, longest = longestText): string =>
  text.length <= longest
    ? text
    : `${text.slice(0, longest).replace(/[\uD800-\uDBFF]$/, '')}… (${text.length - longest} more characters)`

/** What valibot found wrong, with little of what it got instead: a field of a stranger's JSON may hold megabytes. */
export const issueText = ({ message, received }: { readonly message: string; readonly received: string }): string =>
  message.replace(received, () => brief(received, 100))

export interface Masks {
  add(secret: string): void
  masked(text: string): string
}

/** Shorter texts are not secrets, and would spoil every line. */
const shortestSecret = 4

/** Shorter ones leave too few characters in base64 to be told from anything else. */
const shortestInBase64 = 8

/**
 * Secrets as `***`, however they are written: who gets one by HTTP may repeat it in a URL, in JSON, or within an
 * Authorization header.
 */
export function openMasks(): Masks {
  let forms: readonly string[] = []
  return {
    add: secret => {
      if (secret.length < shortestSecret) return
      const lines = secret.split(/\r?\n/).filter(line => line.length >= shortestInBase64)
      const more = [secret, ...lines].flatMap(formsOf)
      // The longest first: a secret that begins another must not lay its rest bare.
      forms = [...new Set([...forms, ...more])].sort((a, b) => b.length - a.length)
    },
    masked: text => forms.reduce((t, form) => t.replaceAll(form, '***'), text),
  }
}

function formsOf(secret: string): string[] {
  const percent = encodeURIComponent(Buffer.from(secret).toString()) // half a character would throw
  const strict = percent.replace(/[!'()*]/g, one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`) // RFC 3986 §2.2
  const uris = [percent, strict, percent.replaceAll('%20', '+'), strict.replaceAll('%20', '+')]
  const lowerCase = uris.map(uri => uri.replace(/%../g, code => code.toLowerCase()))
  const json = JSON.stringify(secret).slice(1, -1)
  return [secret, shown(secret), json, ...uris, ...lowerCase, ...inBase64(secret)]
}

/**
 * As it stands within a longer text, too (`user:SECRET`): three alignments, without the characters that it shares with its
 * neighbours.
 */
function inBase64(secret: string): string[] {
  if (secret.length < shortestInBase64) return []
  const bytes = Buffer.from(secret)
  const within = [0, 1, 2].map(before => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
    return whole.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
  })
  return [bytes.toString('base64'), ...within].flatMap(text => [
    text,
    text.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''), // RFC 4648 §5
  ])
}

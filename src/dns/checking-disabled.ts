// Tells broken DNSSEC from other failures of a resolver. Both come as SERVFAIL (RFC 4035 §5.5), and people look for the
// fault in the wrong place; the same question with the CD bit set makes the difference. Extended DNS Errors (RFC 8914) would
// say it outright, but not every resolver sends them. CAs have to validate DNSSEC since March 2026 (CA/Browser Forum ballot
// SC-085), so a zone that is broken gets no certificate, whoever else can look it up.
import type { Question, World } from '../core/world.js'
import { encodeQuery, rcodeOf } from './message.js'

/** It has just failed for this question and may have remembered why (RFC 9520): an answer comes at once or not at all. */
const timeoutSeconds = 3

/**
 * Whether a resolver that fails for this question has an answer once it need not check signatures (CD, RFC 4035 §3.2.2):
 * then it is the DNSSEC of the zone that is broken. False for https: resolvers, which are not asked.
 */
export async function answersUnchecked(
  { dns }: Pick<World, 'dns'>,
  question: Question,
  server: string,
  signal: AbortSignal,
): Promise<boolean> {
  if (/^https:/i.test(server)) return false
  // The id need not be random (0x4344 is "CD"): a forged answer could spoil no more than one word of advice.
  const message = encodeQuery(question, { id: 0x4344, recursion: true, edns: true })
  message[3] = (message[3] ?? 0) | 0x10 // the CD bit, in the fourth byte of the header (RFC 4035 §3.2.2)
  try {
    const answer = await dns.exchange(message, { server, signal, timeoutSeconds, transport: 'udp' })
    return ['NOERROR', 'NXDOMAIN'].includes(rcodeOf((answer[3] ?? 0) & 0x0f))
  } catch {
    signal.throwIfAborted()
    return false
  }
}

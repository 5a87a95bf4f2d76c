// Revokes certificates (RFC 8555 §7.6) in two steps: a command marks them on disk, a run tells the CA. So a
// revocation outlives a CA that does not answer just now. A certificate that is marked satisfies no target from then on
// (best-certificate.ts), so the same run issues another one.
import { revokeWithCertificateKey } from '../acme/client.js'
import { didYouMean } from '../core/did-you-mean.js'
import { codeOf, Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { Certificate } from '../state/certificates.js'
import { directoryUrl, isImported } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { accountsOnHostOf, type CertificateAuthorities, reachable } from './authorities.js'

/** CRLReason of RFC 5280 §5.3.1, without those that RFC 8555 §7.6 or nature keeps from subscribers. */
export const REASONS: Readonly<Record<string, number>> = {
  unspecified: 0,
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
}

/**
 * The code of a reason (RFC 5280 §5.3.1), by its name or number. Upper case, `-` and `_` are of no matter: OpenSSL and the RFC
 * write keyCompromise, certbot's users keycompromise. @throws Dns01Error USAGE for a name or number that is none of REASONS
 */
export function parseReason(text: string): number {
  const plain = (word: string): string => word.toLowerCase().replaceAll(/[-_]/g, '')
  const found = Object.entries(REASONS).find(([name, n]) => plain(name) === plain(text) || String(n) === text)
  if (found) return found[1]
  throw new Dns01Error('USAGE', `there is no reason "${text}" to revoke`, {
    hint: didYouMean(text, Object.keys(REASONS)),
  })
}

/**
 * Marks a certificate, or all with that key, for the next reconcile to revoke; those revoked or expired are left alone.
 * Returns how many were marked.
 * @throws Dns01Error USAGE when the id is neither a certificate's nor a key's, or nothing of it is downloaded
 */
export async function requestRevocation(
  { state, world }: Pick<RevokeParts, 'state' | 'world'>,
  id: string,
  reason?: number,
): Promise<number> {
  const meant = state.certificates().filter(c => c.id === id || (c.facts?.keyId ?? c.keyId) === id)
  if (meant.length === 0) throw unknownId(state, id)
  const there = meant.filter(c => c.complete)
  if (there.length === 0)
    throw new Dns01Error('USAGE', `${id} cannot be revoked: the certificate is not downloaded yet`, {
      hint: 'dns01 reconcile downloads it',
    })
  if (there.some(({ url }) => isImported(url)))
    throw new Dns01Error(
      'USAGE',
      `${id} came from a CA without ACME (dns01 import-cert), which nobody here can ask to revoke it`,
      {
        hint: 'have it revoked there; to use it no more: dns01 csr with --new-key, and import-cert what comes back',
      },
    )
  const now = world.clock.now()
  const open = there.filter(c => !c.revoked && c.facts && now < c.facts.notAfter)
  if (open.length === 0) world.log.notice(`${id} is revoked or expired already`)
  for (const certificate of open) await state.requestRevocation(certificate.id, reason)
  return open.length
}

function unknownId(state: StateDir, id: string): Dns01Error {
  const live = state.links().get(id)
  return new Dns01Error('USAGE', `"${id}" is not the id of a certificate or key here`, {
    hint: live ? `live/${id} is the certificate ${live}` : 'the ids are the names in certs/ and keys/',
  })
}

export interface RevokeParts {
  readonly world: World
  readonly state: StateDir
  readonly authorities: CertificateAuthorities
  readonly signal: AbortSignal
}

/**
 * Has the CA revoke a certificate, by the account that got it, else by the certificate's own key (RFC 8555 §7.6), for the
 * reason that was noted with the request. One that is revoked already is success. Price: 1 request, or 4 by the key.
 * @throws Dns01Error STATE when neither account nor key is there; what the CA says
 */
export async function revoke(parts: RevokeParts, certificate: Certificate): Promise<void> {
  const { world, state, authorities, signal } = parts
  const der = state.certificateDer(certificate.id)
  const reason = state.revocationReason(certificate.id)
  const key = certificate.facts && certificate.hasKey ? state.key(certificate.facts.keyId) : undefined
  const account = state.accounts().find(({ id }) => id === certificate.accountId)
  if (account) {
    try {
      const { client } = await authorities.ofAccount(account.id)
      return await client.revoke(der, reason, signal)
    } catch (error) {
      if (codeOf(error) !== 'REFUSED' || !key) throw error
      world.log.info(`${certificate.id}: the account may not revoke it; trying the certificate's own key`)
    }
  }
  const url = directoryFor(parts, certificate)
  if (!key || url === undefined)
    throw new Dns01Error(
      'STATE',
      `${certificate.id} cannot be revoked: ${key ? 'its CA is not known' : 'neither its account nor its key is here'}`,
    )
  await revokeWithCertificateKey(world, url, key, der, reason, signal)
}

/**
 * The CA of the account that got it, be its key here or not, else the one on the host of its URL: a certificate does not say
 * by itself where its CA's directory is.
 */
function directoryFor({ state }: RevokeParts, { accountId, url }: Certificate): string | undefined {
  const server = accountId?.split('/')[0] ?? accountsOnHostOf(state, url)[0]?.server
  if (server !== undefined) return reachable(directoryUrl(server))
  return state.targets().targets.find(({ ca }) => new URL(ca).host === new URL(url).host)?.ca
}

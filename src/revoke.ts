import { revokeWithCertificateKey } from './acme/client.js'
import type { CertificateAuthorities } from './certificate-authorities.js'
import { codeOf, Dns01Error } from './errors.js'
import type { Certificate } from './state/certificates.js'
import { directoryUrl } from './state/layout.js'
import type { StateDir } from './state/state-dir.js'
import type { World } from './world.js'

export interface RevokeParts {
  readonly world: World
  readonly state: StateDir
  readonly authorities: CertificateAuthorities
  readonly signal: AbortSignal
}

/**
 * Has the CA revoke a certificate, by the account that got it, else by the certificate's own key (RFC 8555 §7.6).
 * One that is revoked already is success. Price: 1 request, or 4 by the key.
 * @throws Dns01Error STATE when neither account nor key is there; what the CA says
 */
export async function revoke(
  { world, state, authorities, signal }: RevokeParts,
  certificate: Certificate,
  reason?: number,
): Promise<void> {
  const der = state.certificateDer(certificate.id)
  const { accountId, keyId } = certificate
  if (accountId !== undefined) {
    try {
      const { client } = await authorities.ofAccount(accountId)
      return await client.revoke(der, reason, signal)
    } catch (error) {
      if (codeOf(error) !== 'REFUSED' || keyId === undefined || !certificate.hasKey) throw error
      world.log.info(`${certificate.id}: the account may not revoke it; trying the certificate's own key`)
    }
  }
  const url = accountId === undefined ? undefined : directoryUrl(accountId.split('/')[0] as string)
  if (url === undefined || keyId === undefined || !certificate.hasKey) {
    throw new Dns01Error('STATE', `${certificate.id} cannot be revoked: neither its account nor its key is here`)
  }
  await revokeWithCertificateKey(world, url, state.key(keyId), der, reason, signal)
}

// The test systems that public CAs have beside their real ones: they issue by the same rules, with looser limits, and
// nobody trusts what they sign. So a certificate of theirs must never pass for one of the real CA.
import { isSameUrl } from './urls.js'

/** Directory URLs: letsencrypt.org/docs/staging-environment, cloud.google.com/certificate-manager/docs/public-ca-tutorial. */
const STAGING: Readonly<Record<string, string>> = {
  'https://acme-v02.api.letsencrypt.org/directory': 'https://acme-staging-v02.api.letsencrypt.org/directory',
  'https://dv.acme-v02.api.pki.goog/directory': 'https://dv.acme-v02.test-api.pki.goog/directory',
}

/** All of them. */
export const stagingDirectories: readonly string[] = Object.values(STAGING)

export const isStaging = (ca: string): boolean => stagingDirectories.some(url => isSameUrl(url, ca))

/** The test system of this CA; itself if it is one; undefined: none is known. */
export const stagingOf = (ca: string): string | undefined =>
  isStaging(ca) ? ca : Object.entries(STAGING).find(([real]) => isSameUrl(real, ca))?.[1]

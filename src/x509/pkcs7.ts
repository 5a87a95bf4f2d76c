// Certificates as CAs hand them out by their web pages: PEM in any mix, DER, and PKCS #7 (`.p7b`), which is nothing but a
// bag of them.
import { Dns01Error } from '../core/errors.js'
import { children, constructed, type Der, expectDer, oidOf, readDer, TAG, wholeOf } from './der.js'
import { pemBlocks } from './pem.js'

/** signedData (RFC 5652 §5.1). */
const signedData = '1.2.840.113549.1.7.2'

/** The DER of every certificate, in the order of the file. @throws Dns01Error STATE when there is none, or it is damaged */
export function certificatesIn(bytes: Uint8Array): Uint8Array[] {
  if (bytes[0] === TAG.sequence) return ofDer(bytes)
  const found = pemBlocks(Buffer.from(bytes).toString('latin1')).flatMap(({ label, body }) => {
    if (label.endsWith('CERTIFICATE')) return [body]
    return label === 'PKCS7' || label === 'CMS' ? ofDer(body) : []
  })
  if (found.length === 0) throw new Dns01Error('STATE', 'no certificate in it: neither PEM, DER nor PKCS #7')
  return found
}

/** A certificate begins with another SEQUENCE, PKCS #7 with the type of its content (RFC 5652 §3). */
function ofDer(bytes: Uint8Array): Uint8Array[] {
  const [type, content] = children(expectDer(readDer(bytes), TAG.sequence, 'the file'))
  if (type?.tag !== TAG.oid) return [bytes]
  const data = oidOf(type) === signedData && content ? readDer(content.bytes, content.from, content.to) : undefined
  const found = data && children(data).find(part => part.tag === constructed(0))
  if (!found) throw new Dns01Error('STATE', 'no certificate in it: PKCS #7 or PKCS #12 without any')
  return children(found).map((one: Der) => wholeOf(one))
}

// Distinguished names for people to read. No decision rests on this text: names of hosts are in subjectAltName (RFC
// 9525 §2).
import { children, type Der, expectDer, hexOf, oidOf, TAG, textOf, wrongDer } from './der.js'

/** Short names of attribute types (RFC 4519 §2), by the content bytes of their OIDs. */
const SHORT: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550405': 'serialNumber',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '55040a': 'O',
  '55040b': 'OU',
}

/**
 * A distinguished name (RFC 5280 §4.1.2.4) for people: `C=US, O=Let's Encrypt, CN=R3`, in its own order. By hand, since
 * every certificate is read with its issuer: node's X509Certificate would parse the whole of it again, at several times the
 * price.
 */
export const nameText = (name: Der): string => children(name).flatMap(attributes).join(', ')

const attributes = (set: Der): string[] => children(expectDer(set, TAG.set, 'a part of a name')).map(attribute)

function attribute(pair: Der): string {
  const [type, value] = children(expectDer(pair, TAG.sequence, 'a part of a name'))
  if (!type || !value) throw wrongDer('a part of a name lacks its value')
  return `${SHORT[hexOf(type)] ?? oidOf(type)}=${textOf(value)}`
}

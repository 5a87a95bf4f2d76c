import { expect, test } from 'vitest'
import { isDirectoryUrl } from '../../../src/core/urls.js'

test.each([
  ...['https://ca.test/dir', 'HTTPS://CA.test:14000', 'https://[2001:db8::1]/dir'],
  ...['http://localhost:14000/dir', 'http://127.0.0.1/dir', 'http://127.9.9.9:1/', 'http://[::1]:14000/dir'],
])('%s can be the directory of a CA', url => expect(isDirectoryUrl(url)).toBe(true))

test.each([
  ...['', 'ca.test', 'https:ca.test', 'https://', 'ftp://localhost/', 'file:///etc/passwd', ' https://ca.test/'],
  ...['http://ca.test/dir', 'http://10.0.0.1/', 'http://localhost.evil.test/', 'http://127.0.0.1.evil.test/'],
  ...['http://127.0.0.1@evil.test/', 'http://[2001:db8::1]/'],
])('%j cannot be the directory of a CA: no https, or in the clear beyond this machine', url =>
  expect(isDirectoryUrl(url)).toBe(false),
)

import { expect, test } from 'vitest'
import { parseDefaults, parseTarget } from '../../../src/config/target-file.js'

const read = (list: string) => parseTarget({ file: 'a.test', text: `export:\n${list}\n` }).target.exports

test('a list is read with all that an entry may say', () => {
  const all = "passphrase-file: /p, owner: tomcat, group: '33', mode: 0640, legacy: true"
  expect(read(`- {format: p12, path: /etc/x/web.p12, ${all}}\n- {format: der, path: /x.der}`)).toEqual([
    {
      ...{ format: 'p12', path: '/etc/x/web.p12', passphraseFile: '/p' },
      ...{ owner: 'tomcat', group: '33', mode: 0o640, legacy: true },
    },
    { format: 'der', path: '/x.der', legacy: false },
  ])
})

test.each([
  ['no list', '  format: pem'],
  ['an unknown format', '- {format: pfx, path: /a}'],
  ['no path', '- {format: pem}'],
  ['a relative path', '- {format: pem, path: a.pem}'],
  ['a folder', '- {format: pem, path: /etc/}'],
  ['an unknown key', '- {format: pem, path: /a, passphrase: secret}'],
  ['p12 without a passphrase', '- {format: p12, path: /a}'],
  ['a bundle with one', '- {format: bundle, path: /a, passphrase-file: /p}'],
  ['a relative passphrase file', '- {format: pem, path: /a, passphrase-file: p}'],
  ['a mode that lets everybody read', "- {format: pem, path: /a, mode: '0644'}"],
  ['no mode', '- {format: pem, path: /a, mode: rw}'],
])('%s is refused, with the line', (_, list) => {
  expect(() => read(list)).toThrow(
    /^desired\/a\.test:2.*: export must be a list of \{format: pem\|der\|p12\|jks\|bundle/,
  )
})

test('it is for one certificate whose key is here', () => {
  expect(() => parseDefaults('export:\n- {format: pem, path: /a}\n')).toThrow('export belongs into a file of desired/')
  const csr = { path: 'x', names: [], keyId: 'k', keyType: 'ecdsa', der: '' } as const
  const text = 'request: {csr: x}\nexport:\n- {format: pem, path: /a}\n'
  expect(() => parseTarget({ file: 'a.test', text, readCsr: () => csr })).toThrow('export cannot be with request.csr')
})

import { describe, expect, test } from 'vitest'
import { parseDefaults, parseTarget } from '../../../src/config/target-file.js'
import { parseName } from '../../../src/core/names.js'
import { looksOf, parsePlace } from '../../../src/core/place.js'

describe('a place where something is served', () => {
  test.each([
    ['www.corp.example', 'www.corp.example', 443, 'tls'],
    ['WWW.Corp.Example:8443', 'www.corp.example', 8443, 'tls'],
    ['https://www.corp.example/', 'www.corp.example', 443, 'tls'],
    ['192.0.2.1:443', '192.0.2.1', 443, 'tls'],
    ['[2001:db8::1]:8443', '2001:db8::1', 8443, 'tls'],
    ['localhost:4430', 'localhost', 4430, 'tls'],
    ['mail.corp.example:25', 'mail.corp.example', 25, 'smtp'],
    ['mail.corp.example:587', 'mail.corp.example', 587, 'smtp'],
    ['mail.corp.example:465', 'mail.corp.example', 465, 'tls'],
    ['mail.corp.example:143', 'mail.corp.example', 143, 'imap'],
    ['mail.corp.example:110', 'mail.corp.example', 110, 'pop3'],
    ['ldap.corp.example:389', 'ldap.corp.example', 389, 'ldap'],
    ['db.corp.example:5432', 'db.corp.example', 5432, 'postgres'],
    ['ftp.corp.example:21', 'ftp.corp.example', 21, 'ftp'],
    ['smtp://mail.corp.example', 'mail.corp.example', 25, 'smtp'],
    ['SMTP://mail.corp.example:2525', 'mail.corp.example', 2525, 'smtp'],
    ['imaps://mail.corp.example', 'mail.corp.example', 993, 'tls'],
    ['postgresql://db.corp.example', 'db.corp.example', 5432, 'postgres'],
    ['tls://mail.corp.example:25', 'mail.corp.example', 25, 'tls'],
    [':443', '', 443, 'tls'],
    ['smtp://:25', '', 25, 'smtp'],
  ])('%s', (text, host, port, dialogue) => {
    expect(parsePlace(text)).toEqual({ text, host, port, dialogue })
  })

  test('--starttls says what the port does not', () => {
    expect(parsePlace('mail.corp.example:2525', 'smtp')).toMatchObject({ port: 2525, dialogue: 'smtp' })
    expect(() => parsePlace('imap://mail.corp.example', 'smtp')).toThrow('it says imap, and --starttls smtp')
  })

  test.each([
    ['', 'it is empty'],
    ['gopher://x.example', 'there is no gopher:// here'],
    ['www.corp.example:0', 'there is no port 0'],
    ['www.corp.example:65536', 'there is no port 65536'],
    ['www.corp.example:http', 'not HOST:PORT'],
    ['2001:db8::1:443', 'not HOST:PORT'],
    ['https://www.corp.example/path', 'not HOST:PORT'],
    ['*.corp.example:443', 'a wildcard has no address'],
    ['a..b:443', 'empty label'],
    ['a b:443', 'the character " "'],
  ])('%j is none', (text, why) => {
    expect(() => parsePlace(text)).toThrow(why)
  })
})

test('what is asked for where', () => {
  const names = ['*.corp.example', 'www.corp.example', 'mail.corp.example'].map(parseName)
  const asked = (...check: string[]) =>
    looksOf({ check: check.map(text => parsePlace(text)), names }).map(({ place, name }) => `${place.text} ${name}`)
  expect(asked(':443')).toEqual(['www.corp.example:443 www.corp.example', 'mail.corp.example:443 mail.corp.example'])
  expect(asked('smtp://:25')[0]).toBe('smtp://www.corp.example:25 www.corp.example')
  expect(asked('mail.corp.example')).toEqual(['mail.corp.example mail.corp.example'])
  expect(asked('api.corp.example:443'), 'by the wildcard').toEqual(['api.corp.example:443 api.corp.example'])
  expect(asked('127.0.0.1:443'), 'the first name that is a host').toEqual(['127.0.0.1:443 www.corp.example'])
  expect(asked()).toEqual([])
  const wildcard = { names: names.slice(0, 1), check: [parsePlace('10.0.0.1')] }
  expect(looksOf(wildcard)).toEqual([{ place: wildcard.check[0], name: undefined }])
})

test.each([
  ['', [':443']],
  ["check: ['x.test:8443']", ['x.test:8443']],
  ['check: []', []],
])('a target with %j where conf/target checks each name at 443: %j', (text, places) => {
  const { defaults } = parseDefaults("check: [':443']\n")
  expect(parseTarget({ file: 'x.test', text, defaults }).target.check?.map(place => place.text)).toEqual(places)
})

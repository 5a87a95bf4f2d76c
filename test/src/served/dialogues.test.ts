import { describe, expect, test } from 'vitest'
import type { Dialogue } from '../../../src/core/place.js'
import type { Line } from '../../../src/core/world.js'
import { greet } from '../../../src/served/dialogues.js'

/** A server that says these things one after the other, whatever it hears; then it closes the connection. */
function scripted(...says: (string | Uint8Array)[]): Line & { readonly heard: string[] } {
  const heard: string[] = []
  return {
    heard,
    read: async () => Buffer.from(says.shift() ?? ''),
    write: bytes => void heard.push(Buffer.from(bytes).toString('latin1')),
    shake: async () => {
      throw new Error('not asked for')
    },
    close: () => {},
  }
}

/** RFC 4511 §4.12: message 1, ExtendedResponse, this result. */
const ldapAnswer = (code: number, said = ''): Buffer => {
  const text = Buffer.from(said)
  const body = Buffer.concat([Buffer.of(0x0a, 1, code, 4, 0, 4, text.length), text])
  return Buffer.concat([Buffer.of(0x30, body.length + 5, 2, 1, 1, 0x78, body.length), body])
}

/** The same as Active Directory writes it: each length in four bytes. */
const longLdapAnswer = Buffer.from('308400000010020101788400000007' + '0a010004000400', 'hex')

const spoken: readonly (readonly [Dialogue, readonly (string | Uint8Array)[], readonly string[]])[] = [
  ['tls', [], []],
  [
    'smtp',
    [
      '220-mail.corp.example\r\n220 ESMTP\r\n',
      '250-mail\r\n250-SIZE\r\n250-START',
      'TLS\r\n250 8BITMIME\r\n',
      '220 go\r\n',
    ],
    ['EHLO dns01.invalid\r\n', 'STARTTLS\r\n'],
  ],
  ['imap', ['* OK [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n', '* CAPABILITY X\r\na OK begin\r\n'], ['a STARTTLS\r\n']],
  ['pop3', ['+OK hi\r\n', '+OK begin\r\n'], ['STLS\r\n']],
  ['ftp', ['220-hello\r\n this is no code\r\n220 ready\r\n', '234 begin\r\n'], ['AUTH TLS\r\n']],
  ['postgres', ['S'], ['\x00\x00\x00\x08\x04\xd2\x16\x2f']],
  [
    'ldap',
    [ldapAnswer(0).subarray(0, 4), ldapAnswer(0).subarray(4)],
    ['\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037'],
  ],
  ['ldap', [longLdapAnswer], ['\x30\x1d\x02\x01\x01\x77\x18\x80\x161.3.6.1.4.1.1466.20037']],
]

test.each(spoken)('%s: the server is asked for TLS, and says yes', async (dialogue, says, heard) => {
  const line = scripted(...says)
  await greet(line, dialogue)
  expect(line.heard).toEqual(heard)
})

describe('what is no yes', () => {
  const refused: readonly (readonly [Dialogue, string, readonly (string | Uint8Array)[], string | RegExp])[] = [
    ['smtp', 'does not offer it', ['220 hi\r\n', '250-mail\r\n250 SIZE\r\n'], 'the server offers no STARTTLS'],
    ['smtp', 'offers it and then says no', ['220 hi\r\n', '250 STARTTLS\r\n', '454 not now\r\n'], '454 not now'],
    ['smtp', 'is no mail server', ['HTTP/1.1 400 Bad Request\r\n'], 'no SMTP is spoken there: "HTTP/1.1 400'],
    ['smtp', 'closes the connection', [], 'the connection was closed'],
    ['smtp', 'closes it in the middle', ['220-hi\r\n'], 'no SMTP|closed'],
    ['smtp', 'never comes to an end', Array.from({ length: 200 }, () => '220-hi\r\n'), 'does not come to an end'],
    ['smtp', 'sends a line without an end', ['220 ', 'x'.repeat(5000)], 'a line of more than 4096 bytes'],
    ['imap', 'says no', ['* OK hi\r\n', 'a NO TLS is off\r\n'], 'a NO TLS is off'],
    ['imap', 'sends us away', ['* BYE no\r\n'], 'no IMAP is spoken there'],
    ['imap', 'talks for ever', ['* OK\r\n', '* x\r\n'.repeat(300)], 'does not come to an end'],
    ['pop3', 'says no', ['+OK hi\r\n', '-ERR no\r\n'], '-ERR no'],
    ['ftp', 'says no', ['220 hi\r\n', '530 Please login\r\n'], '530 Please login'],
    ['postgres', 'has ssl = off', ['N'], 'the server offers no TLS'],
    ['postgres', 'is something else', ['E'], 'no PostgreSQL is spoken there'],
    ['ldap', 'has no certificate', [ldapAnswer(2, 'unsupported extended operation')], 'result 2, unsupported extended'],
    [
      'ldap',
      'answers another message',
      [Buffer.from('300c02010278070a010004000400', 'hex')],
      'no LDAP is spoken there',
    ],
    [
      'ldap',
      'answers with another operation',
      [Buffer.from('300c02010161070a010004000400', 'hex')],
      'no LDAP is spoken there',
    ],
    ['ldap', 'announces a gigabyte', [Buffer.from('308440000000', 'hex')], 'it is too long'],
    ['ldap', 'has no definite length', [Buffer.from('3080020101', 'hex')], 'it is too long'],
    ['ldap', 'speaks another language', ['220 hi\r\n'], 'no LDAP is spoken there'],
    ['ldap', 'lies about its parts', [Buffer.from('3003020901', 'hex')], 'no LDAP'],
  ]
  test.each(refused)('%s: the server %s', async (dialogue, _, says, why) => {
    await expect(greet(scripted(...says), dialogue)).rejects.toThrow(new RegExp(why))
    await expect(greet(scripted(...says), dialogue)).rejects.toMatchObject({ code: 'UNAVAILABLE' })
  })

  test('its words are cut, and cannot drive a terminal', async () => {
    const line = scripted('* OK\r\n', `a NO \x1b[2J${'x'.repeat(3000)}\r\n`)
    const error = await greet(line, 'imap').catch(each => each)
    expect(error.message).toMatch(/^the server offers no STARTTLS: a NO \\x1b\[2Jx+… \(\d+ more characters\)$/)
  })
})

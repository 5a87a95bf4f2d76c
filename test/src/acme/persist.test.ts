// The record of dns-persist-01: its syntax as a table, what it must say by the examples of the drafts, and what is told
// of one that will not do.
import { expect, test } from 'vitest'
import { accountHash, judgeForAny, judgePersist, type PersistAccount, persistTerms } from '../../../src/acme/persist.js'
import { parsePersistRecord, persistText, zoneFileStrings } from '../../../src/acme/persist-record.js'
import { type Name, parseName } from '../../../src/core/names.js'

const account = 'https://ca.example/acct/123'
const thumbprint = 'NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs'
const until = new Date('2027-01-01T00:00:00Z')

test.each<[string, object]>([
  [`ca.example; accounturi=${account}`, { issuer: 'ca.example', accountUri: account, wildcard: false }],
  [`CA.Example;AccountURI=${account};POLICY=Wildcard`, { issuer: 'ca.example', accountUri: account, wildcard: true }],
  [` \tca.example \t;\taccounturi \t=  ${account} ;  policy = wildcard `, { accountUri: account, wildcard: true }],
  [`ca.example; accounturi=a; persistUntil=1798761600`, { accountUri: 'a', until }],
  [`ca.example; accounturi=a; persistuntil=0`, { until: new Date(0) }],
  [`ca.example; accounturi=a; persistUntil=99999999999999999999`, { until: new Date(8.64e15) }],
  ['ca.example; accounturi=a; policy=none', { wildcard: false, accountUri: 'a' }],
  ['ca.example; accounturi=a; future-tag=anything=at,all; x=', { accountUri: 'a' }],
  ['ca.example; accounturi=a=b', { accountUri: 'a=b' }],
  ['ca.example', { issuer: 'ca.example', accountUri: undefined }],
  ['a-b.c--d.example; accounturi=a', { issuer: 'a-b.c--d.example' }],
])('%j is read', (text, record) => {
  const read = parsePersistRecord(text)
  expect(read).toMatchObject(record)
  expect(read.malformed).toBeUndefined()
})

test.each([
  ['', '"" is not the name of a CA'],
  ['; accounturi=a', '"" is not the name of a CA'],
  ['ca_x.example; accounturi=a', '"ca_x.example" is not the name of a CA'],
  ['ca.example.; accounturi=a', '"ca.example." is not the name of a CA'],
  ['-ca.example; accounturi=a', '"-ca.example" is not the name of a CA'],
  ['v=spf1 -all', '"v=spf1 -all" is not the name of a CA'],
  ['\u00a0ca.example; accounturi=a', '"\u00a0ca.example" is not the name of a CA'],
  ['ca.example; accounturi=a;', 'it ends with ";"'],
  ['ca.example; ', 'it ends with ";"'],
  ['ca.example; accounturi=a; policy=wildcard; \t', 'it ends with ";"'],
  ['ca.example;; accounturi=a', '"" is not TAG=VALUE'],
  ['ca.example; accounturi', '"accounturi" is not TAG=VALUE'],
  ['ca.example; =a', '"=a" is not TAG=VALUE'],
  ['ca.example; account_uri=a', '"account_uri=a" is not TAG=VALUE'],
  ['ca.example; accounturi=a b', 'the value of accounturi has a character that is not visible ASCII'],
  ['ca.example; accounturi=ä', 'the value of accounturi has a character that is not visible ASCII'],
  ['ca.example; accounturi=a; AccountUri=b', 'it has accounturi twice'],
  ['ca.example; accounturi=a; x=1; X=1', 'it has x twice'],
  ['ca.example; accounturi=a; persistUntil=', 'persistUntil= is not a number of seconds'],
  ['ca.example; accounturi=a; persistUntil=-1', 'persistUntil=-1 is not a number of seconds'],
  ['ca.example; accounturi=a; persistUntil=2027-01-01', 'persistUntil=2027-01-01 is not a number of seconds'],
])('%j is malformed', (text, why) => {
  expect(parsePersistRecord(text).malformed).toBe(why)
})

test('what is written is read again, and lies in strings of 255 octets in a zone file', () => {
  const record = { issuer: 'ca.example', accountUri: account, wildcard: true, until }
  expect(persistText(record)).toBe(`ca.example; accounturi=${account}; policy=wildcard; persistUntil=1798761600`)
  expect(parsePersistRecord(persistText(record))).toEqual({ ...record, malformed: undefined })
  expect(zoneFileStrings('a"b\\c')).toBe('"a\\"b\\\\c"')
  const long = persistText({
    issuer: 'ca.example',
    accountUri: `https://ca.example/${'x'.repeat(500)}`,
    wildcard: false,
  })
  const strings = zoneFileStrings(long).split(' "')
  expect(strings.map(part => part.replaceAll('"', '').length)).toEqual([255, 255, long.length - 510])
})

test('the hashes of draft 02, by its example, for one name and for all', () => {
  expect(accountHash('example.com', thumbprint, account)).toBe('5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw')
  expect(accountHash('*', thumbprint, account)).toBe('NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug')
})

const at = (directory: Partial<PersistAccount['directory']>): PersistAccount => ({
  ...{ url: account, thumbprint, directory: { caaIdentities: ['CA.example.'], ...directory } },
})
const late = { issuerDomainNames: ['new.example'], accountHashPrefix: 'https://ca.example/h/' }
const name = parseName('*.example.com')
const hashes = ['5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw', 'NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug']
const hashed = hashes.map(hash => `https://ca.example/h/sha-256/${hash}`)

test.each<[string, PersistAccount, Parameters<typeof persistTerms>[2], object]>([
  [
    'a directory that says nothing: draft 01',
    at({}),
    {},
    { draft: '01', issuers: ['ca.example'], accountUris: [account] },
  ],
  [
    'a challenge of draft 00 or 01',
    at(late),
    { challenge: { 'issuer-domain-names': ['x.example', 'y.example'] } },
    { draft: '01', issuers: ['x.example', 'y.example'], accountUris: [account] },
  ],
  [
    'a challenge of draft 01 that names the account: by the CA’s own word',
    at({}),
    { challenge: { 'issuer-domain-names': ['x.example'], accounturi: 'https://other/acct/123' } },
    { accountUris: ['https://other/acct/123'] },
  ],
  ['a directory of draft 02', at(late), {}, { draft: '02', issuers: ['new.example'], accountUris: hashed }],
  [
    'a challenge of draft 02',
    at({ ...late, issuerDomainNames: undefined }),
    { challenge: { issuerDomainNames: ['x.example'] } },
    { draft: '02', issuers: ['x.example'], accountUris: hashed },
  ],
  ['draft 01 by somebody’s word', at(late), { draft: '01' }, { draft: '01', accountUris: [account] }],
])('what a record must say: %s', (_, who, said, terms) => {
  expect(persistTerms(name, who, said)).toMatchObject(terms)
})

test.each<[string, PersistAccount, Parameters<typeof persistTerms>[2], RegExp]>([
  ['no name of the CA', at({ caaIdentities: [] }), {}, /does not say by which name/],
  ['draft 02 without a prefix', at({}), { draft: '02' }, /does not say what stands before the hash/],
  [
    'an account that no record can name',
    { ...at({}), url: 'https://ca.example/a;b' },
    {},
    /cannot be named in a record/,
  ],
])('no record can be made: %s', (_, who, said, message) => {
  expect(() => persistTerms(name, who, said)).toThrow(
    expect.objectContaining({ code: 'REFUSED', message: expect.stringMatching(message) }),
  )
})

const now = new Date('2026-12-01T00:00:00Z')
const judge = (values: readonly string[], wildcard = false) =>
  judgePersist(values, { issuers: ['ca.example', 'alias.example'], accountUris: [account, 'all-zones'], wildcard, now })
const mine = `ca.example; accounturi=${account}`

test.each<[string, string[], boolean, object]>([
  ['the plain record', [mine], false, { good: true, until: undefined }],
  [
    'the other name of the CA, the other form of the account',
    ['Alias.Example; accounturi=all-zones'],
    false,
    { good: true },
  ],
  [
    'beside those of others, and what is none',
    ['v=spf1 -all', `b.example; accounturi=${account}`, mine],
    false,
    { good: true },
  ],
  ['a wildcard with its policy', [`${mine}; policy=wildcard`], true, { good: true }],
  [
    'a second before its end',
    [`${mine}; persistUntil=1796083201`],
    false,
    { good: true, until: new Date('2026-12-01T00:00:01Z') },
  ],
  [
    'of several the one that lasts longest',
    [`${mine}; persistUntil=1796083201`, `${mine}; persistUntil=1798761600`],
    false,
    { good: true, until },
  ],
  [
    'of several the one without an end',
    [`${mine}; persistUntil=1798761600`, mine],
    false,
    { good: true, until: undefined },
  ],
  ['beside one that is malformed', [`${mine};`, mine], false, { good: true }],
  ['nothing', [], false, { part: 'record', why: 'there is no such record' }],
  [
    'another CA',
    [`b.example; accounturi=${account}`],
    false,
    { part: 'issuer', why: 'none for ca.example or alias.example, but for b.example' },
  ],
  [
    'another account',
    ['ca.example; accounturi=https://ca.example/acct/9'],
    false,
    { part: 'accounturi', why: `its accounturi is https://ca.example/acct/9, and ours is ${account}` },
  ],
  ['the account in other letters', [mine.replace('acct', 'ACCT')], false, { part: 'accounturi' }],
  ['no account', ['ca.example'], false, { part: 'accounturi', why: 'it has no accounturi' }],
  ['a wildcard without its policy', [mine], true, { part: 'policy', why: 'it lacks policy=wildcard' }],
  [
    'over since this very second',
    [`${mine}; persistUntil=1796083200`],
    false,
    { part: 'persistUntil', why: 'its persistUntil was 2026-12-01T00:00Z' },
  ],
  [
    'over, and without its policy',
    [`${mine}; persistUntil=1`],
    true,
    { part: 'policy', why: 'it lacks policy=wildcard; its persistUntil was 1970-01-01T00:00Z' },
  ],
  [
    'ours is told of before another’s',
    ['ca.example; accounturi=x', `${mine}; persistUntil=1`],
    false,
    { part: 'persistUntil' },
  ],
  ['ours malformed', [`${mine};`], false, { part: 'syntax', why: 'it is malformed: it ends with ";"' }],
  [
    'one malformed that may be ours',
    ['ca.example.; accounturi=x'],
    false,
    { part: 'syntax', why: expect.stringContaining('one is malformed: "ca.example."') },
  ],
])('%s', (_, values, wildcard, verdict) => {
  expect(judge(values, wildcard)).toMatchObject({ good: false, ...verdict })
})

test('a name is hashed as it stands in the DNS: lower case, without *.', () => {
  const { accountUris } = persistTerms(parseName('*.Example.COM') as Name, at(late))
  expect(accountUris).toEqual(hashed)
})

test.each<[string[], boolean, boolean | string]>([
  [['any.example; accounturi=anybody'], false, true],
  [['any.example; accounturi=anybody'], true, 'policy'],
  [['any.example; accounturi=anybody; persistUntil=1'], false, 'persistUntil'],
  [['any.example; accounturi=a;', 'v=spf1 -all'], false, 'syntax'],
  [['any.example'], false, 'accounturi'],
  [[], false, 'record'],
  [['any.example; accounturi=a;', 'other.example; accounturi=b'], false, true],
])('%j, wildcard %j, could be good for somebody: %j', (values, wildcard, verdict) => {
  const judged = judgeForAny(values, { wildcard, now })
  expect(judged.good || judged.part).toBe(verdict)
})

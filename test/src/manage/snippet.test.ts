import { describe, expect, test } from 'vitest'
import type { Name } from '../../../src/core/names.js'
import { type Site, snippetFor } from '../../../src/manage/snippets.js'

const site: Site = { name: 'www.example.com' as Name, others: [], folder: '/var/lib/acme/live/www.example.com' }

describe('dovecot', () => {
  test.each([
    ['2.3.19.1 (9b53102964)', 'ssl_cert = </var/lib/acme/live/www.example.com/fullchain\n'],
    ['2.2.36', 'ssl_cert = <'],
    ['2.4.1-4', 'ssl_server_cert_file = /var/lib/acme/live/www.example.com/fullchain\n'],
    ['2.30.1', 'ssl_server_cert_file = '],
    ['3.0', 'ssl_server_cert_file = '],
    [undefined, 'ssl_server_cert_file = '],
  ])('%s is told in its own words', (dovecot, line) => {
    expect(snippetFor('dovecot', { ...site, dovecot })).toContain(line)
  })
})

describe('what else the certificate holds', () => {
  const others = (count: number) => Array.from({ length: count }, (_, i) => `n${i}.example.com` as Name)

  test.each([
    [0, /^server|^# Put/],
    [1, /^# The certificate also holds n0.example.com\n/],
    [7, /^# The certificate also holds n0.example.com .* n4.example.com and 2 more\n/],
  ])('%s names', (count, first) => {
    expect(snippetFor('nginx', { ...site, others: others(count) })).toMatch(first)
  })
})

test('a wildcard is an alias for apache, and a file name without an asterisk everywhere', () => {
  const wild = { ...site, name: '*.example.com' as Name, folder: '/var/lib/acme/live/*.example.com' }
  expect(snippetFor('apache', wild)).toContain('  ServerName wildcard.example.com\n  ServerAlias *.example.com\n')
  expect(snippetFor('nginx', wild)).toContain('/etc/nginx/conf.d/wildcard.example.com.conf')
  expect(snippetFor('haproxy', wild)).toContain('\nfrontend wildcard.example.com\n')
})

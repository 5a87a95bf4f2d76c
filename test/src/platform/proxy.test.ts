import { describe, expect, test } from 'vitest'
import { proxyFor } from '../../../src/platform/proxy.js'

const chosen = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env)?.href

describe('proxyFor', () => {
  test.each<[string, Record<string, string>, string | undefined]>([
    ['https://ca.test/', {}, undefined],
    ['https://ca.test/', { HTTPS_PROXY: 'http://p:3128' }, 'http://p:3128/'],
    ['https://ca.test/', { https_proxy: 'http://p:1', HTTPS_PROXY: 'http://p:2' }, 'http://p:1/'],
    ['https://ca.test/', { https_proxy: '', HTTPS_PROXY: 'http://p:2' }, 'http://p:2/'],
    ['https://ca.test/', { HTTP_PROXY: 'http://p:1' }, undefined],
    ['http://ca.test/', { HTTP_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['https://ca.test/', { ALL_PROXY: 'http://p:1' }, 'http://p:1/'],
    ['https://ca.test/', { https_proxy: 'https://u:w@p' }, 'https://u:w@p/'],
    ['https://ca.test/', { https_proxy: 'p:3128' }, 'http://p:3128/'],
  ])('%s with %j: %s', (url, env, proxy) => {
    expect(chosen(url, env)).toBe(proxy)
  })

  test.each<[string, string, boolean]>([
    ['https://ca.test/', '', true],
    ['https://ca.test/', '*', false],
    ['https://ca.test/', 'ca.test', false],
    ['https://ca.test/', 'CA.test', false],
    ['https://ca.test/', 'other, ca.test', false],
    ['https://ca.test/', 'other ca.test', false],
    ['https://ca.test/', 'test', false],
    ['https://ca.test/', '.test', false],
    ['https://ca.test/', '*.test', false],
    ['https://xca.test/', 'ca.test', true],
    ['https://ca.test/', 'x.ca.test', true],
    ['https://ca.test/', 'ca.test:443', false],
    ['https://ca.test/', 'ca.test:8443', true],
    ['https://ca.test:8443/', 'ca.test:8443', false],
    ['http://ca.test/', 'ca.test:80', false],
    ['https://192.0.2.1:14000/', '192.0.2.1', false],
    ['https://[2001:db8::1]/', '2001:db8::1', false],
    ['https://[2001:db8::1]/', '[2001:db8::1]:443', false],
    ['https://[2001:db8::1]/', '2001:db8::2', true],
  ])('%s with NO_PROXY=%s: by the proxy %s', (url, without, proxied) => {
    const env = { ALL_PROXY: 'http://p:1', NO_PROXY: without }
    expect(chosen(url, env) !== undefined).toBe(proxied)
  })

  test('one that is not a URL is an error that keeps its password to itself', () => {
    expect(() => chosen('https://ca.test/', { https_proxy: 'http://user:hush-hush@p:port' })).toThrow(
      expect.objectContaining({ code: 'CONFIG', message: 'the proxy for https://ca.test is not a URL' }),
    )
  })
})

// What build/stand-ins.mjs leaves out of the bundle: acme-client as the bundle has it, and what happens when more of it is called.
import { generateKeyPairSync } from 'node:crypto'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as AcmeClient from 'acme-client'
import { build } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { STAND_INS, standIns } from '../build/stand-ins.mjs'
import { newFolder } from './folder.js'
import { startDns01 } from './real/servers/dns01.js'

const root = join(import.meta.dirname, '..')
const folder = newFolder('stand-ins')
const require = createRequire(import.meta.url)

async function bundled(contents: string): Promise<string> {
  const outfile = join(folder, `${Math.abs(hash(contents))}.cjs`)
  await build({
    stdin: { contents, resolveDir: root },
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    logLevel: 'silent',
    plugins: [standIns()],
  })
  return outfile
}

const hash = (text: string): number => [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) | 0, 7)

describe('acme-client over stand-ins', () => {
  let acme: typeof AcmeClient
  beforeAll(async () => {
    acme = require(await bundled("module.exports = require('acme-client')"))
  })

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = rsa.privateKey.export({ type: 'pkcs1', format: 'pem' }).toString() // RSA: the same signature each time

  /** The body of the request for an account, as the library makes it. */
  async function request(library: typeof AcmeClient): Promise<unknown> {
    let body: unknown
    library.axios.defaults.adapter = async config => {
      const answer = { status: 201, statusText: '', headers: {}, data: {}, config }
      if (config.method === 'get') return { ...answer, data: { newNonce: 'https://a/n', newAccount: 'https://a/a' } }
      if (config.method === 'head') return { ...answer, headers: { 'replay-nonce': 'abc' } }
      body = JSON.parse(config.data)
      return answer
    }
    const externalAccountBinding = { kid: 'k', hmacKey: 'c2VjcmV0' }
    const client = new library.Client({ directoryUrl: 'https://a/d', accountKey: pem, externalAccountBinding })
    await client.createAccount({ termsOfServiceAgreed: true })
    return body
  }

  test('signs what it signs with the packages that they stand for', async () => {
    const made = await request(acme)
    expect(made).toEqual({
      payload: expect.any(String),
      protected: expect.any(String),
      signature: expect.any(String),
    })
    expect(made).toEqual(await request((await import('acme-client')).default as unknown as typeof AcmeClient))
  })

  test.each<[string, () => unknown, RegExp]>([
    [
      'a request for a certificate',
      () => acme.crypto.createCsr({ altNames: ['a.test'] }),
      /x509\.PemConverter is not in the bundle/,
    ],
    [
      'reading a certificate',
      async () => acme.crypto.readCertificateInfo('x'),
      /x509\.PemConverter is not in the bundle/,
    ],
    ['an RSA key of forge', () => acme.forge.createPrivateKey(), /generateKeyPair\(\) is not in the bundle/],
    [
      'reading a key by forge',
      async () => acme.forge.getModulus('-----BEGIN X-----\nAAAA\n-----END X-----'),
      /node-forge\.pem is not in the bundle/,
    ],
  ])('throws an error that names what is lacking for %s', async (_what, call, message) => {
    await expect(call()).rejects.toThrow(message)
  })
})

test.each(Object.keys(STAND_INS).filter(name => !['debug', 'string-width'].includes(name)))(
  'a member of %s that is not listed throws, whichever it is',
  async name => {
    const standIn = require(await bundled(`module.exports = require('${name}')`))
    const members = [...Object.keys(require(name)), 'newInAPatchRelease']
    const thrown = members.filter(member => {
      try {
        return standIn[member] === undefined
      } catch (error) {
        return (error as Error).message.includes(`${name}.${member} is not in the bundle`)
      }
    })
    expect(members.filter(member => !thrown.includes(member))).toEqual(
      {
        axios: ['create', 'AxiosError'],
        '@peculiar/x509': ['cryptoProvider'],
        'node-forge': ['pki'],
        dns2: ['Packet'],
      }[name] ?? [],
    )
  },
)

test('an ES module that wants more of a stand-in than it has is not built', async () => {
  await expect(bundled("import { eastAsianWidth } from 'string-width'; eastAsianWidth('a')")).rejects.toThrow(
    /No matching export/,
  )
})

// string-width's stand-in counts characters, which is right for ASCII.
test('the help of every command is ASCII', async () => {
  const commands = ['', ...['want', 'unwant', 'reconcile', 'status', 'plan', 'probe', 'quickstart', 'revoke', 'cull']]
  for (const command of commands) {
    const { stdout } = await startDns01([...command.split(' ').filter(Boolean), '--help']).result
    expect(stdout).toContain('dns01')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: ASCII is what is meant
    expect([...stdout.matchAll(/[^\x00-\x7f]/g)].map(String), command).toEqual([])
  }
})

// node test/bench/libraries.mjs: CPU time of what we made ourselves or left out, against the library that could have done it. The
// reasons at the code (build/stand-ins.mjs, src/acme/jws.ts, src/x509/) name these figures; this repeats them on your machine.
import { spawnSync } from 'node:child_process'
import {
  createPrivateKey,
  createPublicKey,
  createSign,
  generateKeyPairSync,
  webcrypto,
  X509Certificate,
} from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as peculiar from '@peculiar/x509'
import { build } from 'esbuild'
import { FlattenedSign } from 'jose/jws/flattened/sign'
import { standIns } from '../../build/stand-ins.mjs'
import { importTypeScript, root } from '../setup.mjs'

const folder = mkdtempSync(join(tmpdir(), 'dns01-libraries-'))
process.on('exit', () => rmSync(folder, { recursive: true }))

const cpuMs = since => Object.values(process.cpuUsage(since)).reduce((sum, us) => sum + us / 1000, 0)
const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]
const say = (what, ms) => console.log(what.padEnd(68), ms < 1 ? `${(ms * 1000).toFixed(0)} µs` : `${ms.toFixed(1)} ms`)

/** CPU time of one call, threads included: the median of 9 rounds. */
async function each(what, call) {
  const rounds = []
  for (let round = 0; round < 10; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < 100; i++) await call()
    rounds.push(cpuMs(before) / 100)
  }
  say(what, median(rounds.slice(1)))
}

/** What loading costs with the stand-ins, and what more without each. Medians of 15 starts, in turn. */
async function loading(library, contents, names) {
  const variants = [[], ...names]
  const files = await Promise.all(variants.map((real, i) => bundle(`${library}-${i}`, contents, [real].flat())))
  const taken = files.map(() => [])
  for (let round = 0; round < 15; round++) for (const [i, file] of files.entries()) taken[i].push(startMs(file))
  const [least, ...more] = taken.map(median)
  say(`${library}, node's own start included`, least)
  for (const [i, ms] of more.entries()) say(`  more with the real ${[names[i]].flat().join(' + ')}`, ms - least)
}

async function bundle(name, contents, real) {
  const outfile = join(folder, `${name}.mjs`)
  const banner = "import{createRequire as c}from'node:module';const require=c(import.meta.url);"
  const stdin = { contents, resolveDir: root }
  const mainFields = ['module', 'main']
  await build({
    stdin,
    outfile,
    mainFields,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: { js: banner },
    plugins: [standIns(real)],
    logLevel: 'error',
  })
  return outfile
}

function startMs(file) {
  const script =
    'import(process.argv[1]).then(()=>{const{user,system}=process.cpuUsage();console.log((user+system)/1000)})'
  return Number(spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8' }).stdout)
}

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const pem = privateKey.export({ type: 'sec1', format: 'pem' })
const names = Array.from({ length: 10 }, (_, i) => `host${i}.example.com`)

console.log(`node ${process.version}, CPU time\n\nLoading (build/stand-ins.mjs)`)
const rest = ['axios', ['@peculiar/x509', 'asn1js'], 'node-forge', 'debug']
await loading('acme-client', "import 'acme-client'", [...rest, rest.flat()])
await loading('yargs', "import yargs from 'yargs'; yargs([]).parse()", ['string-width'])

console.log('\nOne signed request (src/acme/jws.ts)')
const message = Buffer.from('{"status":"x"}')
const head = { alg: 'ES256', nonce: 'n', url: 'https://ca.test/order', kid: 'https://ca.test/account' }
await each('jose, the key read once', () => new FlattenedSign(message).setProtectedHeader(head).sign(privateKey))
const options = { key: Buffer.from(pem), dsaEncoding: 'ieee-p1363' }
await each('as acme-client does it, which reads the PEM each time', () =>
  createSign('sha256').update(message).sign(options),
)

console.log('\nOne request for a certificate of 10 names (src/x509/csr.ts)')
const { createCsr } = await importTypeScript('src/x509/csr.ts')
await each('ours', () => createCsr({ pem, type: 'ecdsa' }, names, { mustStaple: false }))
const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
peculiar.cryptoProvider.set(webcrypto)
const pkcs8 = createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' })
const generator = async keys => ({
  keys: keys ?? {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  },
  name: `CN=${names[0]}`,
  signingAlgorithm: algorithm,
  extensions: [
    new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.digitalSignature, true),
    new peculiar.SubjectAlternativeNameExtension(names.map(value => ({ type: 'dns', value }))),
  ],
})
await each('@peculiar/x509', async () => peculiar.Pkcs10CertificateRequestGenerator.create(await generator()))

console.log('\nOne certificate: names, dates, key, issuer, serial (src/x509/certificate.ts)')
const { readCertificate } = await importTypeScript('src/x509/certificate.ts')
const { keys, ...made } = await generator()
const certificate = await peculiar.X509CertificateGenerator.createSelfSigned({ ...made, keys, serialNumber: '01' })
const certificatePem = certificate.toString('pem')
await each('ours', () => readCertificate(certificatePem))
await each("node's X509Certificate", () => {
  const { subjectAltName, validFrom, validTo, issuer, subject, serialNumber, publicKey } = new X509Certificate(
    certificatePem,
  )
  const key = publicKey.export({ type: 'spki', format: 'der' })
  return [subjectAltName, validFrom, validTo, issuer, subject, serialNumber, key]
})
await each('@peculiar/x509', () => {
  const read = new peculiar.X509Certificate(certificatePem)
  const { notBefore, notAfter, issuer, subject, serialNumber, publicKey } = read
  return [read.getExtension('2.5.29.17').names, notBefore, notAfter, issuer, subject, serialNumber, publicKey.rawData]
})

console.log('\nWhat others do otherwise')
/** Packages that are nobody's dependency here. */
async function ifInstalled(name, measure) {
  try {
    await measure(await import(name))
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
    console.log(`${name}: not measured; npm install --no-save ${name}`)
  }
}

await ifInstalled('proxy-from-env', ({ getProxyForUrl }) => {
  const tell = (env, url) => {
    Object.assign(process.env, { https_proxy: '', no_proxy: '' }, env)
    console.log(`proxy-from-env, ${JSON.stringify(env)}: ${url} by ${getProxyForUrl(url) || 'no proxy'}`)
  }
  tell({ https_proxy: 'http://p:1', no_proxy: 'corp.example' }, 'https://ca.corp.example/')
  tell({ https_proxy: 'p:3128' }, 'https://ca.example/')
  tell({ https_proxy: 'http://user:password@p:port' }, 'https://ca.example/')
  Object.assign(process.env, { https_proxy: '', no_proxy: '' })
})
const { parseDocument } = await import('yaml')
const target = "satisfy:\r\n    names:\r\n    -   'a.example'    # ours\r\n"
console.log(`yaml, ${JSON.stringify(target)}: ${JSON.stringify(parseDocument(target).toString())}`)
await ifInstalled('execa', async ({ execa }) => {
  const child = execa('sh', ['-c', 'sleep 8 & echo $!'], { timeout: 500 })
  const ended = child.then(
    () => 'ended',
    () => 'ended',
  )
  const waited = new Promise(resolve => setTimeout(resolve, 3000, 'still waits after 3 s'))
  console.log(`execa, timeout 0.5 s for sh -c 'sleep 8 &': ${await Promise.race([ended, waited])}`)
})
await ifInstalled('undici', () => loading('undici', "import { Agent } from 'undici'; globalThis.x = Agent", []))
await loading('node:http and node:https', "import 'node:http'; import 'node:https'", [])
process.exit()

// npm run demo: a real certificate from a real (test) CA, on loopback only, from nothing but node and npm.
// --keep leaves the state directory in ./demo-state to look at.
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build, howToInstall, importTypeScript, installNpmPackages, installServers, root } from './setup.mjs'

const names = ['vault.corp.example', '*.corp.example']
const keep = process.argv.includes('--keep')
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130)) // ends Pebble, too

installNpmPackages()
const missing = installServers(['pebble'])
if (missing.length > 0) {
  console.error(
    `The demo needs Pebble, Let's Encrypt's small test CA. Install it, then run this again:\n${howToInstall(missing)}`,
  )
  process.exit(1)
}
// DNS01_PROGRAM: the main.js of a build that is there; what is built here may be in use by the tests beside
const program = process.env.DNS01_PROGRAM || build()
const { startLab } = await importTypeScript('test/real/servers/state.ts')
const lab = await startLab()
try {
  await demo()
  if (keep) keepState()
} catch (error) {
  console.error(`\nThe demo failed: ${error.message}`)
  process.exitCode = 1
} finally {
  await lab.stop()
}

async function demo() {
  title('A test CA and a DNS server, both on this machine')
  console.log(`   Pebble, an ACME server      ${lab.pebble.directoryUrl}`)
  console.log(`   dns01's built-in DNS server ${lab.env.DNS01_BUILTIN_LISTEN}, only while records are up`)

  title(`One certificate for ${names.join(' and ')}: two TXT values at one name`)
  const seconds = await dns01('want', ...names)
  console.log(`   ${seconds.toFixed(1)} s, ${lab.pebble.requests().length} requests to the CA`)
  const { subjectAltName, validTo, issuer } = new X509Certificate(
    readFileSync(join(lab.state, 'live', names[0], 'cert')),
  )
  console.log(`   ${subjectAltName}; by ${issuer}; until ${validTo}`)

  title('The state directory, as acmetool has it')
  console.log(tree(lab.state, '   '))

  title('What is there')
  await dns01('status')

  title('The next run asks the CA when it wants the certificate to be renewed (RFC 9773), and keeps the answer')
  console.log(`   ${(await dns01('reconcile')).toFixed(2)} s`)

  title('The one after it has nothing to do, says nothing, and changes nothing')
  const before = snapshot(lab.state)
  const requests = lab.pebble.requests().length
  console.log(`   ${(await dns01('reconcile')).toFixed(2)} s`)
  if (snapshot(lab.state) !== before) throw new Error('the third run changed the state directory')
  if (lab.pebble.requests().length !== requests) throw new Error('the third run asked the CA')
  console.log(`
Done. Nothing is left running. Now yours: npm install -g "$(npm pack --silent)"   (as root)
then: dns01 quickstart; dns01 want YOUR.NAME`)
}

function title(text) {
  console.log(`\n\x1b[1m${text}\x1b[0m`)
}

/** Runs the built program as a user would; returns the seconds it took. */
async function dns01(...args) {
  console.log(`   $ dns01 ${args.map(arg => (arg.includes('*') ? `'${arg}'` : arg)).join(' ')}`)
  const began = performance.now()
  const env = { ...process.env, ...lab.env }
  const child = spawn(process.execPath, [program, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output = Promise.all([text(child.stdout), text(child.stderr)])
  const [status] = await once(child, 'close')
  const seconds = (performance.now() - began) / 1000
  process.stdout.write((await output).join('').replace(/^(?=.)/gm, '   '))
  if (status !== 0) throw new Error(`dns01 ended with status ${status}`)
  return seconds
}

/** Like tree(1); ID-named folders are shortened, own hidden data left out. */
function tree(folder, indent) {
  const entries = readdirSync(folder)
    .filter(name => !name.startsWith('.'))
    .sort()
  return entries.map(name => line(join(folder, name), name, indent)).join('\n')
}

function short(text) {
  return text.replace(/[a-z2-7]{52}/g, id => `${id.slice(0, 6)}…`)
}

function line(path, name, indent) {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return `${indent}${short(name)} -> ${short(readlinkSync(path))}`
  const mode = (stat.mode & 0o777).toString(8).padStart(4, '0')
  const head = `${indent}${short(name)}${stat.isDirectory() ? '/' : ''}`.padEnd(34)
  const inside = stat.isDirectory() ? tree(path, `${indent}   `) : ''
  return `${head} ${mode}${inside && `\n${inside}`}`
}

/** Every path with kind, mode and time of change. */
function snapshot(folder) {
  const paths = readdirSync(folder, { recursive: true })
    .filter(path => !path.startsWith('.dns01'))
    .sort()
  return paths
    .map(path => [path, lstatSync(join(folder, path)).mode, lstatSync(join(folder, path)).mtimeMs].join(' '))
    .join('\n')
}

function keepState() {
  const kept = join(root, 'demo-state')
  rmSync(kept, { recursive: true, force: true })
  cpSync(lab.state, kept, { recursive: true, verbatimSymlinks: true })
  console.log(`Kept in ${kept}`)
}

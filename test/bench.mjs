// npm run bench [-- --quick] [-- ROW …]: dns01 against the other ACME clients of Debian, on this machine, in network
// namespaces, with a real CA (Pebble) and real name servers (BIND). Prints the table; ends with 1 when a goal is missed.
import { howToInstall, importTypeScript, installNpmPackages, installServers } from './setup.mjs'

const words = process.argv.slice(2)
const size = words.includes('--quick') ? 'quick' : words.includes('--tiny') ? 'tiny' : 'full'
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130)) // ends the servers, too

installNpmPackages()
const missing = installServers(['pebble', 'named', 'nsupdate', 'ip', 'time', 'uacme', 'certbot', 'lego', 'acmetool'])
if (missing.length > 0) console.error(`missing: ${missing.join(', ')}\n${howToInstall(missing)}`)
const { bench } = await importTypeScript('test/bench/main.ts')
const began = performance.now()
const rows = words.filter(word => !word.startsWith('-'))
const bad = await bench(size, rows, text => console.log(text))
console.log(`${((performance.now() - began) / 1000).toFixed(0)} s; rows that failed or missed a goal: ${bad}`)
process.exitCode = bad > 0 ? 1 : 0

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { smallZone, type Updatable, type UpdatableOptions } from './knot.js'
import { need } from './need.js'
import { freePort, startServer, temporaryFolder, untilPortsAreFree } from './process.js'

const run = promisify(execFile)

/** Tables of Debian's package pdns-backend-sqlite3. */
const SCHEMA = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql'

/** Starts PowerDNS over a new SQLite database; resolves when it answers. Wants the program sqlite3 too. */
export const startPdns = (options: UpdatableOptions): Promise<Updatable> => untilPortsAreFree(() => start(options))

async function start({ zones, key }: UpdatableOptions): Promise<Updatable> {
  const program = need('pdns_server')
  const port = await freePort()
  const folder = temporaryFolder('pdns')
  const config = `launch=gsqlite3
gsqlite3-database=${join(folder.path, 'pdns.db')}
local-address=127.0.0.1
local-port=${port}
socket-dir=${folder.path}
daemon=no
guardian=no
write-pid=no
webserver=no
dnsupdate=yes
loglevel=6
log-dns-details=yes
query-cache-ttl=0
cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
receiver-threads=1
distributor-threads=1
`
  writeFileSync(join(folder.path, 'pdns.conf'), config)
  await run(need('sqlite3'), [join(folder.path, 'pdns.db'), `.read ${SCHEMA}`])
  const pdnsutil = (...args: string[]) => run(need('pdnsutil'), [`--config-dir=${folder.path}`, ...args])
  await pdnsutil('import-tsig-key', key.name, key.algorithm, key.secret)
  for (const apex of zones) {
    const file = join(folder.path, `${apex}.zone`)
    writeFileSync(file, smallZone(apex))
    await pdnsutil('load-zone', apex, file)
    await pdnsutil('set-meta', apex, 'TSIG-ALLOW-DNSUPDATE', key.name)
    await pdnsutil('set-meta', apex, 'ALLOW-DNSUPDATE-FROM', '127.0.0.0/8')
  }
  const argv = [program, `--config-dir=${folder.path}`]
  const running = await startServer(argv, { ready: /operating unthreaded/, cwd: folder.path })
  return {
    server: `127.0.0.1:${port}`,
    log: running.log,
    stop: async () => {
      await running.stop()
      folder.remove()
    },
  }
}

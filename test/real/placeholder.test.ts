// A web server whose configuration names a certificate that is not there: it does not start; with a placeholder it does, and it
// serves the real one as soon as that is issued.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runDns01, startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { freePort, type RunningServer, startServer } from './servers/process.js'
import { type Lab, startLab } from './servers/state.js'

describe.skipIf(lacking('pebble', 'nginx'))('nginx and a placeholder', () => {
  let lab: Lab
  let port: number
  let folder: string
  let server: RunningServer | undefined
  const name = 'vault.corp.example'
  const dns01 = (...words: string[]) => runDns01(['--batch', ...words], { env: lab.env })
  const nginx = () => [need('nginx'), '-p', folder, '-c', 'nginx.conf', '-e', 'error.log']

  beforeAll(async () => {
    lab = await startLab()
    port = await freePort()
    folder = join(lab.state, '../nginx')
    mkdirSync(folder)
    const live = join(lab.state, 'live', name)
    writeFileSync(
      join(folder, 'nginx.conf'),
      `daemon off; user root; pid nginx.pid; error_log stderr notice; events {}
http { access_log off; server {
  listen 127.0.0.1:${port} ssl; server_name ${name};
  ssl_certificate ${live}/fullchain; ssl_certificate_key ${live}/privkey;
} }\n`,
    )
    const hook = join(lab.env.ACME_HOOKS_DIR as string, 'reload')
    writeFileSync(
      hook,
      `#!/bin/sh\n[ "$1" = live-updated ] || exit 42\nexec ${need('nginx')} -p ${folder} -c nginx.conf -e error.log -s reload\n`,
    )
    chmodSync(hook, 0o755)
  })
  afterAll(async () => {
    await server?.stop()
    await lab.stop()
  })

  /** Organization or common name of who has signed what is served. */
  const served = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, servername: name, rejectUnauthorized: false }, () => {
        const { issuer } = socket.getPeerCertificate()
        socket.destroy()
        resolve(String(issuer.O ?? issuer.CN))
      })
      socket.on('error', reject)
    })

  test('it starts with it, and after the first issue serves the real one', async () => {
    expect(await startProgram([...nginx(), '-t']).result).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('cannot load certificate'),
    })
    expect((await dns01('want', name, '--placeholder', '--no-reconcile')).exit).toBe(0)
    server = await startServer(nginx(), { ready: /start worker process/ })
    expect(await served()).toBe('dns01 placeholder: no CA has issued this')
    expect(await dns01('reconcile')).toMatchObject({ exit: 0, stdout: '', stderr: '' })
    await expect.poll(served, { timeout: 10_000 }).toMatch(/^Pebble/)
  })
})

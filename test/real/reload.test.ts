import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type Dns01Result, dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'
import { prepareState } from './servers/state.js'

/** The hook `reload` beside real nginx, service(8), sudo and a second user: what is served is looked at by TLS. */

const name = 'www.corp.example'
const programs = ['pebble', 'netns', 'unshare', 'nginx', 'sudo', 'service', 'runuser', 'openssl'] as const

interface Site {
  /** Runs lines as root. */
  root(script: string): Promise<Dns01Result>
  /** Runs dns01 as the owner of the state directory. */
  dns01(args: string): Promise<Dns01Result>
  /** Serial number of the certificate that nginx serves. */
  served(): Promise<string>
  /** Serial number of the one in live/. */
  live(): Promise<string>
}

const site = (user: string): string => `server {
  listen 127.0.0.1:443 ssl;
  server_name ${name};
  ssl_certificate /var/lib/${user}/live/${name}/fullchain;
  ssl_certificate_key /var/lib/${user}/live/${name}/privkey;
}
`

/** A machine with nginx, whose master is root's, and a state directory of `user` in which one certificate is live. */
const onMachine = (user: 'root' | 'acme', work: (site: Site) => Promise<void>): Promise<void> =>
  withNetns({}, async netns => {
    const machine = makeMachine(netns.name)
    const pebble = await startPebble({ alwaysValid: true, netns: netns.name })
    const owned = join(machine.varLib, user)
    mkdirSync(owned)
    mkdirSync(join(machine.varLib, 'nginx'))
    mkdirSync(join(machine.folder, 'run'))
    prepareState(owned, pebble.directoryUrl)
    cpSync(dirname(dns01Program), join(machine.varLib, 'dns01/dist'), { recursive: true })
    cpSync(join(dirname(dns01Program), '../hooks'), join(machine.varLib, 'dns01/hooks'), { recursive: true })
    writeFileSync(join(machine.varLib, 'dns01/roots.pem'), readFileSync(pebble.caFile))
    const run = (script: string) => machine.sh(`mount --bind ${machine.folder}/run /run\n${script}`)
    const at: Site = {
      root: run,
      dns01: args => run(asUser(user, args)),
      served: () =>
        line(
          run(`openssl s_client -connect 127.0.0.1:443 -servername ${name} </dev/null 2>/dev/null |
          openssl x509 -noout -serial`),
        ),
      live: () => line(run(`openssl x509 -noout -serial -in /var/lib/${user}/live/${name}/cert`)),
    }
    try {
      await prepare(at, machine, user)
      await work(at)
    } finally {
      await run('service nginx stop')
      await pebble.stop()
      machine.remove()
    }
  })

const line = async (result: Promise<Dns01Result>): Promise<string> => (await result).stdout.trim()

const asUser = (user: string, args: string): string => {
  const env = [
    `ACME_STATE_DIR=/var/lib/${user}`,
    'ACME_HOOKS_DIR=/etc/acme/hooks',
    'SSL_CERT_FILE=/var/lib/dns01/roots.pem',
    'DNS01_PROVIDER=memory',
    'DNS01_PROPAGATION=off',
    'PATH=/usr/bin:/bin', // as in a user's crontab
  ]
  return `exec runuser -u ${user} -- env -i ${env.join(' ')} ${process.execPath} /var/lib/dns01/dist/main.js --batch ${args}`
}

async function prepare(at: Site, machine: Machine, user: string): Promise<void> {
  await succeed(
    at.root(`install -d /etc/acme/hooks
      install -m 755 /var/lib/dns01/hooks/reload /etc/acme/hooks/
      echo 'SERVICES="apache2 nginx lighttpd"' >/etc/default/acme-reload # what else runs here is no matter of ours
      if [ ${user} != root ]; then
        echo '${user}:x:64321:64321::/nonexistent:/bin/sh' >>/etc/passwd
        echo '${user}:x:64321:' >>/etc/group
        echo '${user}:*:19000:0:99999:7:::' >>/etc/shadow
        chown -R ${user}: /var/lib/${user}
      fi
      rm -f /etc/nginx/sites-enabled/* /etc/nginx/modules-enabled/*`),
  )
  await succeed(at.dns01(`want ${name}`))
  writeFileSync(join(machine.etc, 'nginx/sites-enabled/site'), site(user))
  await succeed(at.root('service nginx start'))
  expect(await at.served()).toBe(await at.live())
}

async function succeed(running: Promise<Dns01Result>): Promise<string> {
  const { exit, stdout, stderr } = await running
  expect(`${exit}\n${stdout}${stderr}`).toMatch(/^0\n/)
  return stdout + stderr
}

describe.skipIf(lacking(...programs))('the hook reload beside real nginx', () => {
  test(
    'root: a broken site of others is told in words of nginx, and the new certificate served once it is mended',
    () =>
      onMachine('root', async at => {
        const first = await at.served()
        expect(await succeed(at.dns01(`reconcile --force ${name}`))).toBe('')
        const second = await at.served()
        expect(second).toMatch(/^serial=[0-9A-F]+$/)
        expect(second).not.toBe(first)
        expect(second).toBe(await at.live())

        await succeed(at.root(`echo 'sevrer {}' >/etc/nginx/sites-enabled/others`))
        const { exit, stderr } = await at.dns01(`reconcile --force ${name}`)
        expect(exit).toBe(8)
        expect(stderr).toMatch(/reload: .*unknown directive "sevrer" in .etc.nginx.sites-enabled.others/)
        expect(stderr).toContain('nginx is not reloaded: "nginx -t -q" exited with 1')
        expect(stderr.match(/ERROR/g)).toHaveLength(1)
        expect(await at.served()).toBe(second)
        expect(await at.live()).not.toBe(second)

        expect((await at.dns01('')).exit).toBe(8) // cron's next run tells it again
        await succeed(at.root('rm /etc/nginx/sites-enabled/others'))
        expect(await succeed(at.dns01(''))).toBe('')
        expect(await at.served()).toBe(await at.live())
        expect(await succeed(at.dns01(''))).toBe('')
      }),
    120_000,
  )

  test(
    'another user: told what sudo lacks, and served once the line that it names is there',
    () =>
      onMachine('acme', async at => {
        const first = await at.served()
        const { exit, stderr } = await at.dns01(`reconcile --force ${name}`)
        expect(`${exit}\n${stderr}`).toMatch(/^8\n.*reload: sudo: /s)
        const [, sudoers] = stderr.match(/reload: {3}(acme .*)$/m) ?? []
        expect(stderr).toMatch(/ERROR.*reload: live-updated exited with 1: nginx is not reloaded: sudo does not let us/)
        expect(sudoers).toBe('acme ALL=(root) NOPASSWD: /usr/sbin/service nginx reload')
        expect(await at.served()).toBe(first)

        await succeed(at.root(`echo '${sudoers}' >/etc/sudoers.d/acme; chmod 440 /etc/sudoers.d/acme; visudo -cq`))
        expect(await succeed(at.dns01(''))).toBe('')
        expect(await at.served()).toBe(await at.live())
        expect(await at.served()).not.toBe(first)
        expect(await succeed(at.dns01(`reconcile --force ${name}`))).toBe('')
        expect(await at.served()).toBe(await at.live())
      }),
    120_000,
  )

  test(
    'nginx that does not run is no matter',
    () =>
      onMachine('root', async at => {
        await succeed(at.root('service nginx stop'))
        expect(await succeed(at.dns01(`reconcile --force ${name}`))).toBe('')
      }),
    120_000,
  )
})

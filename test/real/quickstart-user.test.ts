// `quickstart --user acme` by root on a machine of its own: the user renews by its own crontab, nginx serves what is new, and
// sudo lets it do that and nothing else.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildIfOlder, type Dns01Result, dns01Program } from './servers/dns01.js'
import { makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'

const name = 'www.corp.example'
type Root = (script: string) => Promise<Dns01Result>

/** A machine with nginx and a CA, on which nobody has set up anything. `as_acme` runs words as cron would. */
const onMachine = (work: (root: Root) => Promise<void>): Promise<void> =>
  withNetns({}, async netns => {
    buildIfOlder()
    const machine = makeMachine(netns.name)
    const pebble = await startPebble({ alwaysValid: true, netns: netns.name })
    const inside = (path: string) => join(machine.folder, path)
    for (const folder of ['run', 'spool', 'program']) mkdirSync(inside(folder))
    for (const each of ['dist', 'hooks'])
      cpSync(join(dirname(dns01Program), '..', each), join(machine.varLib, 'dns01', each), { recursive: true })
    writeFileSync(join(machine.varLib, 'dns01/roots.pem'), readFileSync(pebble.caFile))
    writeFileSync(
      inside('answers'),
      `acmetool-quickstart-choose-server: url
acmetool-quickstart-enter-directory-url: ${pebble.directoryUrl}
acmetool-quickstart-install-cronjob: true
dns01-quickstart-choose-provider: memory
acme-enter-email: ""
"acme-agreement:data:text/plain,Do%20what%20thou%20wilt": true
`,
    )
    const root: Root = script =>
      machine.sh(`chmod 711 ${machine.folder} /var/lib; mount --bind ${inside('run')} /run; mount -t tmpfs tmpfs /var/log
        mkdir -p /var/log/nginx /var/lib/nginx ${inside('spool')}/crontabs; chown root:crontab ${inside('spool')}/crontabs
        chmod 1730 ${inside('spool')}/crontabs; mount --bind ${inside('spool')} /var/spool/cron
        echo 'SERVICES="nginx apache2"' >/etc/default/acme-reload # what else runs here is no matter of ours
        export SSL_CERT_FILE=/var/lib/dns01/roots.pem DNS01_PROPAGATION=off DNS01_PROVIDER=memory
        dns01="${process.execPath} /var/lib/dns01/dist/main.js --batch"
        quickstart="$dns01 --response-file=${inside('answers')} quickstart"
        as_acme() { runuser -u acme -- env -i PATH=/usr/bin:/bin SSL_CERT_FILE=$SSL_CERT_FILE DNS01_PROPAGATION=off "$@"; }
        ${script}`)
    try {
      await work(root)
    } finally {
      await root('service nginx stop')
      await pebble.stop()
      machine.remove()
    }
  })

async function succeed(running: Promise<Dns01Result>): Promise<string> {
  const { exit, stdout, stderr } = await running
  expect(`${exit}\n${stdout}${stderr}`).toMatch(/^0\n/)
  return stdout + stderr
}

/** All that quickstart --user makes. */
const made = `getent passwd acme | cut -d: -f6,7; stat -c '%n %a %U' /var/lib/acme /etc/dns01 /etc/dns01/acme /etc/dns01/acme/env \
  /etc/acme/hooks /etc/acme/hooks/reload /etc/sudoers.d/dns01-acme; cat /etc/sudoers.d/dns01-acme
  crontab -u acme -l | sed 's/^[0-9]* [0-9,]*/M H/'; find /var/lib/acme ! -user acme`

describe.skipIf(
  lacking('pebble', 'netns', 'unshare', 'nginx', 'sudo', 'visudo', 'runuser', 'useradd', 'crontab', 'openssl'),
)('quickstart --user acme', () => {
  test(
    'the user, its folders, what sudo allows, and a renewal that nginx serves; twice is the same as once',
    () =>
      onMachine(async root => {
        await succeed(
          root(
            'rm -f /etc/init.d/{apache2,haproxy,postfix,dovecot} /etc/nginx/sites-enabled/*; rm -rf /etc/nginx/modules-enabled',
          ),
        )
        const said = await succeed(root('$quickstart --user acme'))
        expect(said).toMatch(/user acme: made, without a login shell/)
        expect(said).toMatch(/Now: +runuser -u acme -- dns01 --env-file=.etc.dns01.acme.env want NAME/)
        const first = await succeed(root(made))
        expect(first.split('\n').slice(0, 8)).toEqual([
          '/var/lib/acme:/usr/sbin/nologin',
          '/var/lib/acme 755 acme',
          '/etc/dns01 755 root',
          '/etc/dns01/acme 700 acme',
          '/etc/dns01/acme/env 600 acme',
          '/etc/acme/hooks 755 root',
          '/etc/acme/hooks/reload 755 root',
          '/etc/sudoers.d/dns01-acme 440 root',
        ])
        expect(first).toContain('\nacme ALL=(root) NOPASSWD: /usr/sbin/service nginx reload, /usr/sbin/nginx -t -q\n')
        expect(first).toMatch(/\nM H \* \* \* .*main.js --batch --env-file=.etc.dns01.acme.env reconcile\n$/)

        await succeed(root('$quickstart --user acme'))
        expect(await succeed(root(made))).toBe(first)

        await succeed(
          root(`visudo -cq; echo DNS01_PROVIDER=memory >>/etc/dns01/acme/env
            as_acme $dns01 --env-file=/etc/dns01/acme/env want ${name}
            $dns01 snippet nginx ${name} >/etc/nginx/conf.d/site.conf; service nginx start`),
        )
        const look = `openssl s_client -connect 127.0.0.1:443 </dev/null 2>/dev/null | openssl x509 -noout -serial
          openssl x509 -noout -serial -in /var/lib/acme/live/${name}/cert`
        const renew = `as_acme $dns01 --env-file=/etc/dns01/acme/env reconcile --force ${name}`
        const before = await succeed(root(look))
        expect(await succeed(root(renew))).toBe('')
        const [served, live] = (await succeed(root(look))).split('\n')
        expect(served).toBe(live)
        expect(before).not.toContain(served)

        const { exit, stderr } = await root(`echo 'sevrer {}' >/etc/nginx/conf.d/bad.conf; ${renew}`)
        expect(exit).toBe(8)
        expect(stderr).toMatch(/unknown directive "sevrer"[\s\S]*nginx is not reloaded: "nginx -t -q" exited with 1/)
        for (const words of ['service nginx stop', 'nginx -t', 'nginx -t -q -c /tmp/x', 'id'])
          expect((await root(`as_acme sudo -n ${words}`)).exit).toBe(1)
      }),
    240_000,
  )
})

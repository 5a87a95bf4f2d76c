// The hooks that come with dns01 beside the real servers: after each renewal all serve the new certificate; where a
// configuration is broken the run says so and fails, the server goes on, and the next run makes it good.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildIfOlder, type Dns01Result, dns01Program } from './servers/dns01.js'
import { makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'
import { prepareState } from './servers/state.js'

const name = 'www.corp.example'

/** Runs lines as root, `dns01` being the built one. */
type Root = (script: string) => Promise<Dns01Result>

/** A machine in which a certificate is live, with a /run, /var/log and /root of its own. */
const onMachine = (work: (root: Root) => Promise<void>): Promise<void> =>
  withNetns({}, async netns => {
    buildIfOlder()
    const machine = makeMachine(netns.name)
    const pebble = await startPebble({ alwaysValid: true, netns: netns.name })
    const inside = (path: string) => join(machine.folder, path)
    for (const folder of ['run', 'log', 'root', 'spool', 'var-lib/acme']) mkdirSync(inside(folder))
    prepareState(join(machine.varLib, 'acme'), pebble.directoryUrl)
    writeFileSync(inside('roots.pem'), readFileSync(pebble.caFile))
    writeFileSync(inside('sendmail'), `#!/bin/sh\ncat >>${inside('mails')}\n`, { mode: 0o755 })
    const root: Root = script =>
      machine.sh(
        `mount --bind ${inside('run')} /run; mount --bind ${inside('log')} /var/log; mount --bind ${inside('root')} /root
        mount --bind ${inside('spool')} /var/spool/postfix
        export SSL_CERT_FILE=${inside('roots.pem')} DNS01_PROVIDER=memory DNS01_PROPAGATION=off
        export hooks=${inside('dns01/hooks')} DNS01_NOTIFY_MAIL=ops@corp.example DNS01_NOTIFY_SENDMAIL=${inside('sendmail')} mails=${inside('mails')}
        dns01() { ${process.execPath} ${inside('dns01/dist/main.js')} --batch "$@"; }
        ${script}`,
        { timeoutSeconds: 100 },
      )
    cpSync(join(dns01Program, '../../dist'), inside('dns01/dist'), { recursive: true })
    cpSync(join(dns01Program, '../../hooks'), inside('dns01/hooks'), { recursive: true })
    try {
      await succeed(root(`dns01 want ${name}`))
      await work(root)
    } finally {
      await root(
        'for each in nginx apache2 haproxy postfix dovecot postgresql; do service $each stop; done; pkill -F /run/sshd.pid; true',
      )
      await pebble.stop()
      machine.remove()
    }
  })

async function succeed(running: Promise<Dns01Result>): Promise<string> {
  const { exit, stdout, stderr } = await running
  expect(`${exit}\n${stdout}${stderr}`).toMatch(/^0\n/)
  return stdout + stderr
}

/** The same places, for dns01 itself to look at after each renewal. */
const CHECK = ['443', '8443', '9443', '993'].map(port => `127.0.0.1:${port}`)
CHECK.push('smtp://127.0.0.1:25', 'postgres://127.0.0.1:5432')

/** Where each serves, and how a client asks there. */
const PORTS = {
  nginx: '443',
  apache2: '8443',
  haproxy: '9443',
  postfix: '25 -starttls smtp',
  dovecot: '993',
  postgresql: '5432 -starttls postgres',
}
const services = Object.keys(PORTS)

/** Each server with the certificate; what a whole configuration is, test/real/snippet.test.ts holds. */
const configured = `
  rm -rf /etc/nginx/sites-enabled /etc/nginx/modules-enabled /etc/apache2/sites-enabled/* /etc/postgresql/*
  chmod 755 /root; live=/var/lib/acme/live/${name}; mkdir -p /etc/nginx/conf.d /etc/acme/hooks
  install -m 755 $hooks/haproxy $hooks/reload $hooks/copy /etc/acme/hooks/
  echo "server { listen 443 ssl; ssl_certificate $live/fullchain; ssl_certificate_key $live/privkey; }" >/etc/nginx/conf.d/site.conf
  printf "Listen 8443\nServerName ${name}\n<VirtualHost *:8443>\nSSLEngine on\nSSLCertificateFile $live/fullchain
SSLCertificateKeyFile $live/privkey\n</VirtualHost>\n" >/etc/apache2/ports.conf
  a2enmod -q ssl; echo 'check: [${CHECK.map(place => `"${place}"`).join(', ')}]' >>$(echo /var/lib/acme/desired/*)
  printf "frontend all\n mode http\n bind :9443 ssl crt $live/haproxy\n" >>/etc/haproxy/haproxy.cfg
  printf "smtpd_tls_chain_files = $live/privkey, $live/fullchain\nsmtpd_tls_cert_file =\nsmtpd_tls_key_file =\n" >>/etc/postfix/main.cf
  printf "ssl_cert = <$live/fullchain\nssl_key = <$live/privkey\n" >/etc/dovecot/conf.d/99-dns01.conf
  mkdir -p /var/lib/nginx /var/lib/haproxy /var/lib/dovecot /var/log/nginx /var/log/apache2 /var/log/postgresql /run/lock
  install -d -o postfix /var/lib/postfix; install -d -o postgres /var/lib/postgresql
  chown postgres /var/log/postgresql; chmod 755 /var/lib
  pg_createcluster $(ls /usr/lib/postgresql | sort -V | tail -1) main -- --no-sync >/dev/null
  main=$(echo /etc/postgresql/*/main)
  printf "ssl = on\\nssl_cert_file = '$main/crt'\\nssl_key_file = '$main/key'\\n" >>$main/postgresql.conf
  install -d /etc/dns01
  printf "${name} fullchain $main/crt postgres\\n${name} privkey $main/key postgres 600\\n" >/etc/dns01/copy
  dns01 hook enable reload-postgresql
  echo 'SERVICES="nginx apache2 haproxy postfix dovecot"' >/etc/default/acme-reload
  for each in copy haproxy; do echo ${name} | /etc/acme/hooks/$each live-updated; done
  for each in ${services.join(' ')}; do service $each start >/dev/null 2>&1 || echo "$each does not start"; done`

/** What spoils the configuration of each, and what mends it. */
const FAULTS = {
  nginx: ['echo "sevrer {}" >/etc/nginx/conf.d/bad.conf', 'rm /etc/nginx/conf.d/bad.conf'],
  apache2: ['echo Frobnicate >/etc/apache2/conf-enabled/bad.conf', 'rm /etc/apache2/conf-enabled/bad.conf'],
  haproxy: ['echo frobnicate >>/etc/haproxy/haproxy.cfg', 'sed -i /frobnicate/d /etc/haproxy/haproxy.cfg'],
  postfix: ['echo frobnicate >>/etc/postfix/main.cf', 'sed -i /frobnicate/d /etc/postfix/main.cf'],
  dovecot: ['echo frobnicate=1 >/etc/dovecot/conf.d/z.conf', 'rm /etc/dovecot/conf.d/z.conf'],
  postgresql: [
    'echo frobnicate=1 >>$(echo /etc/postgresql/*/main/postgresql.conf)',
    'sed -i /frobnicate/d /etc/postgresql/*/main/postgresql.conf',
  ],
}

describe.skipIf(
  lacking(
    'pebble',
    'netns',
    'unshare',
    'openssl',
    'nginx',
    'apache2',
    'haproxy',
    'postfix',
    'dovecot',
    'pg_createcluster',
  ),
)('reload, reload-postgresql, copy, haproxy', () => {
  test(
    'six real servers serve what is new; broken ones are told in their words, go on, and are made good later',
    () =>
      onMachine(async root => {
        const look = Object.entries(PORTS)
          .map(
            ([service, port]) =>
              `echo "${service} $(openssl s_client -connect 127.0.0.1:${port} </dev/null 2>/dev/null | openssl x509 -noout -serial 2>&1)"`,
          )
          .join('\n')
        const serials = async () => {
          const { stdout } = await root(`${look}\nopenssl x509 -noout -serial -in /var/lib/acme/live/${name}/cert`)
          const lines = stdout.trim().split('\n')
          return { served: lines.slice(0, -1), live: services.map(service => `${service} ${lines.at(-1)}`) }
        }
        const servesWhatIsLive = async () => {
          const { served, live } = await serials()
          expect(served).toEqual(live)
          return served
        }
        expect(await succeed(root(configured))).not.toMatch(/does not start/)
        await servesWhatIsLive()
        expect(await succeed(root(`dns01 reconcile --force ${name}`))).toBe('')
        const second = await servesWhatIsLive()

        const spoil = Object.values(FAULTS).map(([line]) => line)
        const { exit, stderr } = await root([...spoil, `dns01 reconcile --force ${name}`].join('\n'))
        expect(exit).toBe(8)
        for (const words of [
          /\[emerg\] .*unknown directive "sevrer"[\s\S]*nginx is not reloaded: "nginx -t -q" exited with 1/,
          /Invalid command 'Frobnicate'[\s\S]*apache2 is not reloaded: "apache2ctl -t" exited with 1/,
          /unknown keyword 'frobnicate'[\s\S]*haproxy is not reloaded: "haproxy -c -f .etc.haproxy.haproxy.cfg" exited/,
          /missing '=' after attribute name[\s\S]*postfix is not reloaded: "postconf -n" exited/,
          /Unknown setting: frobnicate[\s\S]*dovecot is not reloaded: "doveconf -n" exited/,
          /unrecognized configuration parameter "frobnicate"[\s\S]*postgresql is not reloaded: "[^"]*postgres -C port /,
        ])
          expect(stderr).toMatch(words)
        const third = await serials()
        expect(third.served).toEqual(second)
        expect(third.live).not.toEqual(second)
        const mails = async () => (await succeed(root('grep ^Subject: $mails'))).split('\n')
        expect(await mails()).toEqual([expect.stringMatching(/^Subject: .* 2 fail .*hooks.reload/), ''])

        const mend = Object.values(FAULTS).map(([, line]) => line)
        expect(await succeed(root([...mend, 'dns01'].join('\n')))).toBe('')
        await servesWhatIsLive()
        expect((await mails())[1]).toMatch(/^Subject: .*well again/)
        expect(await succeed(root(`dns01 status ${name}`))).toMatch(
          /postgres:..127.0.0.1:5432.*live certificate is served/,
        )
        expect(await succeed(root('dns01 hook list'))).toMatch(/^.etc.acme.hooks.copy +comes with dns01\n/)
      }),
    240_000,
  )
})

describe.skipIf(lacking('pebble', 'netns', 'unshare', 'sshd', 'ssh'))('push', () => {
  test(
    'by real ssh: an unknown host is told and tried again; then chain and key are there, and the command has run',
    () =>
      onMachine(async root => {
        await succeed(
          root(`echo 'deploy:x:64322:64322::/var/lib/deploy:/bin/sh' >>/etc/passwd; echo 'deploy:x:64322:' >>/etc/group
          echo 'deploy:*:19000:0:99999:7:::' >>/etc/shadow; chmod 755 /var/lib
          install -d -o deploy -g deploy /var/lib/deploy /var/lib/deploy/www; install -d -m 700 /root/.ssh /run/sshd
          ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/id_ed25519; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/mine
          cp /root/.ssh/id_ed25519.pub /etc/ssh/let-in
          printf 'Port 2222\\nHostKey /etc/ssh/mine\\nAuthorizedKeysFile /etc/ssh/let-in\\nPidFile /run/sshd.pid\\n' >/etc/ssh/sshd_config
          printf 'PasswordAuthentication no\\nKbdInteractiveAuthentication no\\nUsePAM no\\nStrictModes no\\n' >>/etc/ssh/sshd_config
          $(command -v sshd || echo /usr/sbin/sshd)
          dns01 hook enable push; install -d /etc/dns01
          echo '${name} ssh://deploy@127.0.0.1:2222 /var/lib/deploy/www id -un >who; cat privkey fullchain >both; echo hello' >/etc/dns01/push`),
        )
        const { exit, stderr } = await root(`dns01 reconcile --force ${name}`)
        expect(exit).toBe(8)
        expect(stderr).toMatch(/push: Host key verification failed/)
        expect(stderr).toMatch(/ERROR.*push:1: www.corp.example is not pushed to ssh:..deploy@127.0.0.1:2222/)

        await succeed(root('ssh -p 2222 -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR deploy@127.0.0.1 true'))
        expect(await succeed(root('dns01'))).toBe('')
        const told = await succeed(
          root(`cd /var/lib/deploy/www; stat -c '%n %a %U' *; cat who; cmp privkey /var/lib/acme/live/${name}/privkey
          cmp fullchain /var/lib/acme/live/${name}/fullchain; ls -A`),
        )
        expect(told).toBe(
          'both 600 deploy\nfullchain 644 deploy\nprivkey 600 deploy\nwho 600 deploy\ndeploy\nboth\nfullchain\nprivkey\nwho\n',
        )
      }),
    120_000,
  )
})

// What `dns01 snippet` prints, put where it says, in real servers: they start with it, serve the certificate with its chain, and
// speak no TLS of yesterday.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIfOlder, type Dns01Result, dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { type Netns, withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { prepareState } from './servers/state.js'

const name = 'www.corp.example'
const wildcard = '*.apps.corp.example'
const programs = ['nginx', 'apache2', 'haproxy', 'postfix', 'dovecot'] as const

let machine: Machine
let leave: () => void
let left: Promise<void>

/** A machine with root's state directory, in which one certificate is live for both names, with the file for haproxy beside it. */
beforeAll(async () => {
  if (lacking('pebble', 'netns', 'unshare', 'openssl', 'curl', ...programs)) return
  buildIfOlder()
  await new Promise<void>((resolve, reject) => {
    left = withNetns({}, async netns => {
      const pebble = await startPebble({ alwaysValid: true, netns: netns.name })
      try {
        machine = await prepared(netns, pebble)
        resolve()
        await new Promise<void>(end => (leave = end))
      } finally {
        await pebble.stop()
        machine?.remove()
      }
    })
    left.catch(reject)
  })
}, 60_000)
afterAll(async () => {
  leave?.()
  await left
})

async function prepared(netns: Netns, pebble: Pebble): Promise<Machine> {
  const made = makeMachine(netns.name)
  mkdirSync(join(made.varLib, 'acme'))
  mkdirSync(join(made.folder, 'run'))
  prepareState(join(made.varLib, 'acme'), pebble.directoryUrl)
  cpSync(join(dirname(dns01Program), '../hooks'), join(made.folder, 'hooks'), { recursive: true })
  writeFileSync(join(made.folder, 'roots.pem'), readFileSync(pebble.caFile))
  writeFileSync(
    join(made.folder, 'dns01'),
    `#!/bin/sh\nexport SSL_CERT_FILE=${made.folder}/roots.pem DNS01_PROVIDER=memory DNS01_PROPAGATION=off
exec ${process.execPath} ${dns01Program} --batch "$@"\n`,
    { mode: 0o755 },
  )
  const { exit, stderr } = await made.sh(`install -d /etc/acme/hooks
    install -m 755 ${made.folder}/hooks/haproxy /etc/acme/hooks/
    ${made.folder}/dns01 want ${name} '${wildcard}'`)
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  return made
}

/** Starts a server with the snippets at these places, runs the checks, and stops it. */
async function serving(snippets: string, { start, stop }: { start: string; stop: string }, checks: string) {
  const result = await machine.sh(
    `mount --bind ${machine.folder}/run /run
    mount -t tmpfs tmpfs /var/log && mkdir /var/log/nginx /var/log/apache2
    dns01() { ${machine.folder}/dns01 "$@"; }
    set -f # a wildcard is a name here
    ${snippets}
    set +f
    ${start}
    trap '${stop}' EXIT
    ${checks}`,
    { timeoutSeconds: 30 },
  )
  return told(result)
}

const told = ({ exit, stdout, stderr }: Dns01Result): string[] => {
  expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
  return stdout.trim().split('\n')
}

/** What a client sees at a port: `certificates that are sent`, then which TLS versions and ciphers there are. */
const look = (port: number, more = '') => `
  try() { openssl s_client -connect 127.0.0.1:${port} -servername ${name} ${more} "$@" </dev/null 2>&1; }
  for i in 1 2 3 4 5 6 7 8 9 10; do try -tls1_3 | grep -q "BEGIN CERT" && break; sleep 0.3; done
  [ "$(try -tls1_3 | openssl x509)" = "$(openssl x509 -in /var/lib/acme/live/${name}/cert)" ] && echo "the live certificate"
  [ "$(try -tls1_3 -showcerts | grep -c BEGIN)" = "$(grep -c BEGIN /var/lib/acme/live/${name}/fullchain)" ] && echo "the whole chain"
  has() { if try "$@" | grep -q "Cipher is [TE]"; then echo "yes $*"; else echo "no $*"; fi; }
  has -tls1_3
  has -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256
  has -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256
  has -tls1_1 -cipher DEFAULT@SECLEVEL=0`

const fine = [
  'the live certificate',
  'the whole chain',
  'yes -tls1_3',
  'yes -tls1_2 -cipher ECDHE-ECDSA-AES128-GCM-SHA256',
  'no -tls1_2 -cipher ECDHE-ECDSA-AES128-SHA256',
  'no -tls1_1 -cipher DEFAULT@SECLEVEL=0',
]

/** Where port 80 of this name leads to. */
const redirect = (host: string) =>
  `curl -s -o /dev/null -w '%{http_code} %{redirect_url}\\n' --resolve ${host}:80:127.0.0.1 http://${host}/a/b?c=d`
const tickets = 'try -tls1_2 | grep -c "TLS session ticket:" || true'

describe.skipIf(lacking('pebble', 'netns', 'unshare', 'openssl', 'curl', ...programs))('a real server takes', () => {
  test('nginx', async () => {
    const lines = await serving(
      `rm -rf /etc/nginx/sites-enabled /etc/nginx/modules-enabled
      dns01 snippet nginx ${name} >/etc/nginx/conf.d/${name}.conf
      dns01 snippet nginx ${wildcard} >/etc/nginx/conf.d/wildcard.conf`,
      { start: 'mkdir -p /var/lib/nginx; nginx -t -q; nginx', stop: 'nginx -s stop' },
      `${look(443)}\n${tickets}\n${redirect(name)}\n${redirect('x.apps.corp.example')}`,
    )
    expect(lines).toEqual([...fine, '0', `301 https://${name}/a/b?c=d`, '301 https://x.apps.corp.example/a/b?c=d'])
  })

  test('apache', async () => {
    const lines = await serving(
      `dns01 snippet apache ${name} >/etc/apache2/sites-available/${name}.conf
      dns01 snippet apache2 ${wildcard} >/etc/apache2/sites-available/wildcard.conf
      set +f; rm -f /etc/apache2/sites-enabled/*; set -f
      a2enmod -q ssl && a2ensite -q ${name} wildcard`,
      {
        start: 'mkdir -p /run/apache2 /run/lock; apache2ctl configtest 2>/dev/null; apache2ctl start 2>/dev/null',
        stop: 'apache2ctl stop 2>/dev/null',
      },
      `${look(443)}\n${tickets}\n${redirect(name)}\n${redirect('x.apps.corp.example')}`,
    )
    expect(lines.slice(-9)).toEqual([
      ...fine,
      '0',
      `301 https://${name}/a/b?c=d`,
      '301 https://x.apps.corp.example/a/b?c=d',
    ])
  })

  test('haproxy', async () => {
    const check = 'haproxy -c -q -f /etc/haproxy/haproxy.cfg'
    const lines = await serving(
      `cp /etc/haproxy/haproxy.cfg /etc/haproxy/debian.cfg; mkdir -p /run/haproxy /var/lib/haproxy
      dns01 snippet haproxy ${wildcard} >>/etc/haproxy/haproxy.cfg; ${check}
      cp /etc/haproxy/debian.cfg /etc/haproxy/haproxy.cfg
      dns01 snippet haproxy ${name} >>/etc/haproxy/haproxy.cfg`,
      {
        start: `${check}; haproxy -D -q -p /run/haproxy.pid -f /etc/haproxy/haproxy.cfg`,
        stop: 'kill $(cat /run/haproxy.pid)',
      },
      `${look(443)}\n${tickets}\n${redirect(name)}`,
    )
    expect(lines).toEqual([...fine, '0', `301 https://${name}/a/b?c=d`])
  })

  test('postfix', async () => {
    const lines = await serving(
      `dns01 snippet postfix ${wildcard} >>/etc/postfix/main.cf`,
      {
        start: `install -d -o postfix /var/lib/postfix; cp -a /var/spool/postfix ${machine.folder}/spool
          mount --bind ${machine.folder}/spool /var/spool/postfix; postfix check; postfix start >/dev/null 2>&1`,
        stop: 'postfix stop >/dev/null 2>&1',
      },
      look(25, '-starttls smtp'),
    )
    expect(lines).toEqual(fine)
  })

  test('dovecot', async () => {
    const lines = await serving(
      `dns01 snippet dovecot ${wildcard} >/etc/dovecot/conf.d/99-dns01.conf`,
      { start: 'mkdir -p /var/lib/dovecot; doveconf -n >/dev/null; dovecot', stop: 'doveadm stop' },
      `${look(993)}\n${look(143, '-starttls imap')}`,
    )
    expect(lines).toEqual([...fine, ...fine])
  })
})

describe.skipIf(lacking('pebble', 'netns', 'unshare', ...programs))('is refused, with words:', () => {
  test.each([
    ['nginx other.example', /other.example is not live.*\n.*dns01 want other.example gets a certificate first/],
    [`nginx www.corp.exampl`, /did you mean "www.corp.example"\? Else dns01 want/],
    [`caddy ${name}`, /there is no snippet for "caddy"\n.*known are: nginx, apache, haproxy, postfix, dovecot/],
    [`nginx 'a b'`, /invalid|not|may hold/],
  ])('%s', async (words, message) => {
    const { exit, stdout, stderr } = await machine.sh(`${machine.folder}/dns01 snippet ${words}`)
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
    expect(stderr).toMatch(message)
  })

  test('a key that is elsewhere', async () => {
    const { exit, stdout, stderr } =
      await machine.sh(`openssl req -new -newkey rsa:2048 -nodes -subj /CN=printer.corp.example \
      -addext subjectAltName=DNS:printer.corp.example -keyout ${machine.folder}/key -out ${machine.folder}/csr 2>/dev/null
      ${machine.folder}/dns01 want --csr ${machine.folder}/csr; ${machine.folder}/dns01 snippet nginx printer.corp.example`)
    expect({ exit, stdout }).toEqual({ exit: 3, stdout: '' })
    expect(stderr).toMatch(
      /the key of printer.corp.example is not here.*\n.*wants a copy of .*printer.corp.example.fullchain/,
    )
  })

  test('a path that not every server could be told', async () => {
    const { exit, stderr } = await machine.sh(`cp -a /var/lib/acme "/var/lib/my acme"
      ${machine.folder}/dns01 --state="/var/lib/my acme" snippet postfix ${name}`)
    expect(`${exit} ${stderr}`).toMatch(/^3 .*not every server can be told the path .var.lib.my acme.live/)
  })
})

// What is served, looked at in real servers: nginx before and after a reload that nobody makes, and the words before TLS of
// each protocol with the server that speaks it. All on one machine of its own, with one certificate for all.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildIfOlder, type Dns01Result, dns01Program } from './servers/dns01.js'
import { type Machine, makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { type Pebble, startPebble } from './servers/pebble.js'
import { prepareState } from './servers/state.js'

const name = 'www.corp.example'
const live = `/var/lib/acme/live/${name}`
const base = ['pebble', 'netns', 'unshare', 'openssl', 'nginx'] as const

let machine: Machine
let leave: () => void
let left: Promise<void>

beforeAll(async () => {
  if (lacking(...base)) return
  buildIfOlder()
  await new Promise<void>((resolve, reject) => {
    left = withNetns({}, async netns => {
      const pebble = await startPebble({ alwaysValid: true, netns: netns.name })
      try {
        machine = await prepared(netns.name, pebble)
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

async function prepared(netns: string, pebble: Pebble): Promise<Machine> {
  const made = makeMachine(netns)
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
  const run = `mkdir -p /etc/acme/hooks; echo '127.0.0.1 ${name}' >>/etc/hosts; ${made.folder}/dns01 want ${name}`
  const { exit, stderr } = await made.sh(run)
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  return made
}

/** Lines of sh with a /run and a log of their own; `dns01` is ours. */
const sh = (script: string): Promise<Dns01Result> =>
  machine.sh(
    `mount --bind ${machine.folder}/run /run
    mount -t tmpfs tmpfs /var/log && mkdir /var/log/nginx
    dns01() { ${machine.folder}/dns01 "$@"; }
    fails() { wanted=$1; shift; set +e; dns01 "$@"; got=$?; set -e; [ $got = $wanted ] || { echo "exit $got instead of $wanted: $*"; exit 99; }; }
    ${script}`,
    { timeoutSeconds: 60 },
  )

const site = (certificate: string): string => `server {
  listen 127.0.0.1:443 ssl;
  server_name ${name};
  ssl_certificate ${live}/${certificate};
  ssl_certificate_key ${live}/privkey;
}
`

describe.skipIf(lacking(...base))('nginx', () => {
  test('an old certificate is told until it is served no more: exit 8, status, and the run after', async () => {
    const target = join(machine.varLib, 'acme/desired')
    writeFileSync(join(machine.folder, 'site'), site('fullchain'))
    writeFileSync(join(machine.folder, 'bare'), site('cert'))
    const { exit, stdout, stderr } = await sh(`
      rm -f /etc/nginx/sites-enabled/* /etc/nginx/modules-enabled/*
      cp ${machine.folder}/site /etc/nginx/sites-enabled/site
      mkdir -p /var/lib/nginx; nginx; trap 'nginx -s stop' EXIT
      file=$(ls ${target.replace(machine.varLib, '/var/lib')}/*)
      echo "check: [':443']" >>$file
      echo "# a place that is new is looked at once, and all is well"
      dns01 status ${name} | grep served
      dns01
      dns01 status ${name} | grep served
      echo "# renewed, and nobody reloads"
      fails 8 reconcile --force ${name}
      fails 8 status ${name} | grep -E 'state|trouble'
      fails 8
      echo "# reloaded: told no more"
      nginx -s reload
      sleep 0.5
      dns01
      dns01 status | tail -1
      echo "# with a hook that reloads, which takes a moment"
      printf '#!/bin/sh\\n[ "$1" = live-updated ] || exit 42\\n(sleep 0.8; nginx -s reload) >/dev/null 2>&1 &\\n' >/etc/acme/hooks/slow
      chmod 755 /etc/acme/hooks/slow
      dns01 reconcile --force ${name}
      rm /etc/acme/hooks/slow
      echo "# cert instead of fullchain"
      cp ${machine.folder}/bare /etc/nginx/sites-enabled/site; nginx -s reload; sleep 0.5
      fails 8 probe --served ${name} | grep -A1 FAILED`)
    expect(`${exit} ${stdout}`).toMatch(/^0 /)
    const [fresh = '', old = '', reloaded = '', hooked = '', bare = ''] = stdout.split(/^# .*\n/m).slice(1)
    expect(fresh).toMatch(
      /^ {2}served +at www.corp.example:443: not looked at yet\n {2}served +at www.corp.example:443: the live certificate is served, seen 20/,
    )
    expect(old).toMatch(
      / state +not served at www.corp.example:443\n {2}trouble +at www.corp.example:443 since .*: an older certificate of ours is served, certs\/[a-z2-7]{52}, and not that of live\/www.corp.example \(reload the server/,
    )
    expect(reloaded).toMatch(/ ok\n$/)
    expect(hooked).toBe('')
    expect(bare).toMatch(
      /FAILED +chain +CN=Pebble Intermediate CA .* is missing: the server sends 1 certificate\n +→ give it live.www.corp.example.fullchain instead of cert/,
    )
    const told = stderr.match(/ERROR.*/g) ?? []
    expect(told).toHaveLength(2) // of the renewal, and of the run after it
    expect(told[0]).toMatch(/www.corp.example: www.corp.example:443: an older certificate of ours is served/)
    expect(stderr).toMatch(/dns01 probe --served www.corp.example looks now/)
  }, 90_000)
})

/** What a look at a place must find, whatever is spoken there. */
async function looked(places: readonly string[], start: string, stop: string): Promise<void> {
  const { exit, stdout, stderr } = await sh(`${start}
    trap '${stop}' EXIT
    for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
      openssl s_client -connect 127.0.0.1:\${PORT:?} </dev/null 2>&1 | grep -q CONNECTED && break; sleep 0.2; done
    dns01 --json probe --served ${places.join(' ')}`)
  expect(`${exit} ${stdout} ${stderr}`).toMatch(/^0 \{/)
  const all = JSON.parse(stdout).places
  expect(all).toHaveLength(places.length)
  for (const seen of all) expectLive(seen)
}

// biome-ignore lint/suspicious/noExplicitAny: a document of --json
function expectLive(seen: any): void {
  expect(seen.findings.map(({ check, state }: Record<string, string>) => `${state} ${check}`).slice(0, 3)).toEqual([
    'ok reached',
    'ok certificate',
    'ok name',
  ])
  expect(seen).toMatchObject({ live: `live/${name}`, certificate: { names: [name] } })
  expect(seen.findings[1].text).toBe(`the one of live/${name}`)
  expect(seen.versions).toEqual(expect.arrayContaining(['TLS 1.2']))
}

describe('before TLS', () => {
  test.skipIf(lacking(...base, 'postfix'))('SMTP: Postfix', () =>
    looked(
      [`${name}:25`],
      `printf 'smtpd_tls_chain_files = ${live}/privkey, ${live}/fullchain\\nsmtpd_tls_security_level = may\\n' >>/etc/postfix/main.cf
      install -d -o postfix /var/lib/postfix; cp -a /var/spool/postfix ${machine.folder}/spool
      mount --bind ${machine.folder}/spool /var/spool/postfix; postfix start >/dev/null 2>&1; PORT=25`,
      'postfix stop >/dev/null 2>&1',
    ),
  )

  const protocols = existsSync('/usr/lib/dovecot/pop3') ? (['imap', 'pop3'] as const) : (['imap'] as const)
  if (protocols.length < 2) process.stderr.write('\nSKIPPED, NOT TESTED: POP3: apt-get install dovecot-pop3d\n')
  test.skipIf(lacking(...base, 'dovecot'))('IMAP and POP3: Dovecot', () =>
    looked(
      protocols.map(protocol => `${protocol}://${name}`),
      `printf 'protocols = ${protocols.join(' ')}\nssl = yes\nssl_cert = <${live}/fullchain\nssl_key = <${live}/privkey\n' >/etc/dovecot/conf.d/99-dns01.conf
      mkdir -p /var/lib/dovecot; dovecot; PORT=143`,
      'doveadm stop',
    ),
  )

  test.skipIf(lacking(...base, 'slapd'))('LDAP: OpenLDAP', () =>
    looked(
      [`${name}:389`],
      `printf 'TLSCertificateFile ${live}/fullchain\\nTLSCertificateKeyFile ${live}/privkey\\npidfile /run/slapd.pid\\n' >/etc/slapd.conf
      slapd -f /etc/slapd.conf -h ldap://127.0.0.1:389/ 2>/dev/null; PORT=389`,
      'kill $(cat /run/slapd.pid)',
    ),
  )

  test.skipIf(lacking(...base, 'pg_createcluster'))('PostgreSQL', () =>
    looked(
      [`${name}:5432`],
      `install -d -o postgres /run/pg; bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
      pg() { runuser -u postgres -- "$@" >/dev/null 2>&1; }
      pg $bin/initdb --no-sync -D /run/pg/data
      install -o postgres -m 600 ${live}/privkey /run/pg/key; install -o postgres ${live}/fullchain /run/pg/cert
      printf "ssl = on\\nssl_cert_file = '/run/pg/cert'\\nssl_key_file = '/run/pg/key'\\nunix_socket_directories = '/run/pg'\\nlisten_addresses = '127.0.0.1'\\nfsync = off\\n" >>/run/pg/data/postgresql.conf
      pg $bin/pg_ctl -w -D /run/pg/data start; PORT=5432`,
      'pg $bin/pg_ctl -m immediate -D /run/pg/data stop',
    ),
  )

  test.skipIf(lacking(...base, 'vsftpd'))('FTP: vsftpd', () =>
    looked(
      [`${name}:21`],
      `mkdir -p /run/vsftpd/empty
      printf 'listen=YES\\nlisten_ipv6=NO\\nlisten_address=127.0.0.1\\nbackground=NO\\nssl_enable=YES\\nseccomp_sandbox=NO\\nlocal_enable=YES\\nrsa_cert_file=${live}/fullchain\\nrsa_private_key_file=${live}/privkey\\nssl_ciphers=HIGH\\nssl_tlsv1=YES\\n' >/etc/vsftpd.conf
      vsftpd /etc/vsftpd.conf >/dev/null 2>&1 & VS=$!; PORT=21`,
      'kill $VS',
    ),
  )
})

test.skipIf(lacking(...base, 'gnutls-serv'))(
  'GnuTLS with all that it has: old versions, RC4 and 3DES are told',
  async () => {
    const priority = 'NORMAL:+VERS-TLS-ALL:+ARCFOUR-128:+3DES-CBC:%COMPAT'
    const { stdout } = await sh(`
    gnutls-serv --priority '${priority}' -p 4433 --x509certfile ${live}/fullchain --x509keyfile ${live}/privkey >/dev/null 2>&1 & GS=$!
    trap 'kill $GS' EXIT
    sleep 1
    dns01 --json probe --served ${name}:4433`)
    const [seen] = JSON.parse(stdout).places
    expect(seen.versions).toEqual(['TLS 1.0', 'TLS 1.1', 'TLS 1.2', 'TLS 1.3'])
    expect(seen.weak).toEqual(expect.arrayContaining(['RC4', 'DES and 3DES']))
  },
)

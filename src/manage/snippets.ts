/**
 * Configuration for servers, ready to be put in its place: TLS as it is to be today, and the right paths. Texts only; that the
 * servers take them is held by test/real/snippet.test.ts.
 */

import type { Name } from '../core/names.js'

/** What a piece of configuration is for. */
export interface Site {
  /** `www.example.com`, `*.example.com` */
  readonly name: Name
  /** What else the certificate holds. */
  readonly others: readonly Name[]
  /** Absolute path of live/NAME. */
  readonly folder: string
  /** What `dovecot --version` says, where there is one. */
  readonly dovecot?: string | undefined
}

/**
 * Mozilla's recommendation "intermediate", version 5.7 (https://wiki.mozilla.org/Security/Server_Side_TLS), without the
 * ciphers that want DH parameters: all that speaks TLS 1.2 has those with elliptic curves.
 */
const CIPHERS = [
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':')
const CURVES = 'X25519:prime256v1:secp384r1'

const nginx = (
  site: Site,
): string => `# Put it into /etc/nginx/conf.d/${fileOf(site)}.conf, then: nginx -t && nginx -s reload
server {
  listen 80;
  listen [::]:80;
  server_name ${site.name};
  return 301 https://$host$request_uri;
}
server {
  listen 443 ssl;
  listen [::]:443 ssl;
  server_name ${site.name};
  ssl_certificate ${site.folder}/fullchain;
  ssl_certificate_key ${site.folder}/privkey;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_ciphers ${CIPHERS};
  ssl_ecdh_curve ${CURVES};
  ssl_prefer_server_ciphers off;
  ssl_session_timeout 1d;
  ssl_session_cache shared:dns01:10m;
  ssl_session_tickets off;
  # When all works, browsers may remember for two years that there is no way but https:
  # add_header Strict-Transport-Security "max-age=63072000" always;
  root /var/www/html; # yours
}
`

const apache = (site: Site): string => `# Debian: put it into /etc/apache2/sites-available/${fileOf(site)}.conf, then:
#   a2enmod ssl && a2ensite ${fileOf(site)} && apache2ctl configtest && systemctl restart apache2
# Others, with mod_ssl: /etc/httpd/conf.d/${fileOf(site)}.conf, then: apachectl configtest && systemctl reload httpd
<VirtualHost *:80>
${serverName(site)}
  <Location "/">
    Redirect permanent "https://%{SERVER_NAME}%{REQUEST_URI}"
  </Location>
</VirtualHost>
<VirtualHost *:443>
${serverName(site)}
  SSLEngine on
  SSLCertificateFile ${site.folder}/fullchain
  SSLCertificateKeyFile ${site.folder}/privkey
  SSLProtocol -all +TLSv1.2 +TLSv1.3
  SSLCipherSuite ${CIPHERS}
  SSLOpenSSLConfCmd Curves ${CURVES}
  SSLHonorCipherOrder off
  SSLSessionTickets off
  # When all works, browsers may remember for two years that there is no way but https (a2enmod headers):
  # Header always set Strict-Transport-Security "max-age=63072000"
  DocumentRoot /var/www/html
</VirtualHost>
`

const haproxy = (
  site: Site,
): string => `# Put it at the end of /etc/haproxy/haproxy.cfg, then: haproxy -c -f /etc/haproxy/haproxy.cfg && systemctl reload haproxy
# For another name add a "crt" to the line of port 443. The hook "haproxy" makes these files.
frontend ${fileOf(site)}
  mode http
  timeout client 30s
  bind :80
  bind :443 ssl crt ${site.folder}/haproxy ssl-min-ver TLSv1.2 no-tls-tickets alpn h2,http/1.1 curves ${CURVES} ciphers ${CIPHERS}
  http-request redirect scheme https code 301 unless { ssl_fc }
  # When all works, browsers may remember for two years that there is no way but https:
  # http-response set-header Strict-Transport-Security max-age=63072000
  default_backend behind-${fileOf(site)}
backend behind-${fileOf(site)}
  mode http
  timeout connect 5s
  timeout server 30s
  server one 127.0.0.1:8080 # yours
`

const postfix = (
  site: Site,
): string => `# Postfix 3.4 and later. Put it at the end of /etc/postfix/main.cf, then: postfix check && postfix reload
smtpd_tls_cert_file =
smtpd_tls_key_file =
smtpd_tls_chain_files = ${site.folder}/privkey, ${site.folder}/fullchain
# Mail of the world comes without TLS, too; on submission (587) say "encrypt" in master.cf.
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1
smtpd_tls_mandatory_protocols = !SSLv2, !SSLv3, !TLSv1, !TLSv1.1
smtpd_tls_ciphers = medium
smtpd_tls_mandatory_ciphers = medium
tls_medium_cipherlist = ${CIPHERS}
tls_preempt_cipherlist = no
`

const dovecot = (
  site: Site,
): string => `# ${isOldDovecot(site) ? 'Dovecot 2.3' : 'Dovecot 2.4'}. Put it into /etc/dovecot/conf.d/99-dns01.conf, then: doveconf -n >/dev/null && doveadm reload
ssl = required
${
  isOldDovecot(site)
    ? `ssl_cert = <${site.folder}/fullchain
ssl_key = <${site.folder}/privkey
ssl_prefer_server_ciphers = no`
    : `ssl_server_cert_file = ${site.folder}/fullchain
ssl_server_key_file = ${site.folder}/privkey
ssl_server_prefer_ciphers = client`
}
ssl_min_protocol = TLSv1.2
ssl_cipher_list = ${CIPHERS}
ssl_curve_list = ${CURVES}
`

/** 2.4 gave other names to most of its settings. Where there is none, one that is installed today is meant. */
const isOldDovecot = ({ dovecot }: Site): boolean => /^[01]\.|^2\.[0-3]\b/.test(dovecot ?? '')

/** A name for files and sections. */
const fileOf = ({ name }: Site): string => name.replace(/^\*\./, 'wildcard.')

/** Apache takes a wildcard for an alias only; the name itself may have another certificate. */
const serverName = (site: Site): string =>
  site.name.startsWith('*.') ? `  ServerName ${fileOf(site)}\n  ServerAlias ${site.name}` : `  ServerName ${site.name}`

/** By what people type. */
export const SNIPPETS: Readonly<Record<string, (site: Site) => string>> = { nginx, apache, haproxy, postfix, dovecot }

/** The lines for this server, with a word on where they go. */
export function snippetFor(server: string, site: Site): string | undefined {
  const text = SNIPPETS[server]?.(site)
  if (text === undefined || site.others.length === 0) return text
  const [few, rest] = [site.others.slice(0, 5), site.others.length - 5]
  return `# The certificate also holds ${few.join(' ')}${rest > 0 ? ` and ${rest} more` : ''}\n${text}`
}

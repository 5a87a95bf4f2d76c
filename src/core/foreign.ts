/** What users of acmetool, certbot, lego, acme.sh and dehydrated type out of habit, and what does it here. */

/** Commands that have another name here. */
export const SYNONYMS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    renew: 'reconcile',
    'renew-all': 'reconcile',
    cron: 'reconcile',
    issue: 'want',
    certonly: 'want',
    run: 'want',
    obtain: 'want',
    add: 'want',
    list: 'status',
    ls: 'status',
    certificates: 'status',
    info: 'show',
    inspect: 'show',
    view: 'show',
    delete: 'unwant',
    remove: 'unwant',
    rm: 'unwant',
    register: 'quickstart',
    init: 'quickstart',
    setup: 'quickstart',
    check: 'probe',
    doctor: 'probe',
  }),
)

/** Commands that have no meaning here. */
export const GONE: ReadonlyMap<string, string> = new Map(
  Object.entries({
    redirector: 'DNS-01 needs no web server; let your own redirect to https',
    'import-csr': 'dns01 want --csr FILE gets a certificate for it',
  }),
)

const alone = 'names need no flag: dns01 want NAME'
const caOfTarget = 'conf/target names the CA (request.provider); dns01 quickstart asks for it'
const account = 'dns01 quickstart registers the account'
const noServer = 'dns01 proves names by DNS records; no web server, port or path takes part'
const trial = 'dns01 want --dry-run NAME looks and asks no certificate; dns01 plan shows what a run would do'
const staging = 'dns01 want --staging NAME, or conf/target names the CA (request.provider)'

const inTarget = (line: string): string => `in the target, or in conf/target, under request: ${line}`

/** Flags that have another name here, or none. */
export const FOREIGN_FLAGS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    d: alone,
    domain: alone,
    domains: alone,
    'cert-name': alone,
    'dry-run': trial,
    test: trial,
    staging,
    'test-cert': staging,
    server: caOfTarget,
    email: account,
    m: account,
    'agree-tos': account,
    webroot: noServer,
    w: noServer,
    standalone: noServer,
    nginx: noServer,
    apache: noServer,
    dns: 'dns01 providers lists who can place the records; conf/dns.yml or DNS01_PROVIDER chooses',
    'reuse-key': inTarget('key: {reuse: true}'),
    'new-key': inTarget('key: {reuse: false}, which is the default'),
    'preferred-chain': inTarget('preferred-chain: NAME'),
    'preferred-profile': inTarget('profile: {preferred: NAME}'),
    'required-profile': inTarget('profile: {required: NAME}'),
    profile: inTarget('profile: NAME'),
    'must-staple': inTarget('ocsp-must-staple: true'),
    'key-type': 'dns01 want --key-type rsa4096 NAME; or '.concat(inTarget('key: {type: rsa} or {type: ecdsa}')),
    'rsa-key-size': inTarget('key: {rsa-size: 2048}'),
    'elliptic-curve': inTarget('key: {ecdsa-curve: nistp256}'),
    'force-renewal': 'dns01 reconcile --force NAME renews now',
    'force-renew': 'dns01 reconcile --force NAME renews now',
    n: 'did you mean "batch"?',
    'non-interactive': 'did you mean "batch"?',
  }),
)

import { Packet } from 'dns2'
import fc from 'fast-check'
import { objectsOf } from '../../src/acme/objects.js'
import { judgePersist } from '../../src/acme/persist.js'
import { parsePersistRecord, persistText } from '../../src/acme/persist-record.js'
import { parseDnsConfig } from '../../src/config/dns-yml.js'
import { loadEnv } from '../../src/config/env-file.js'
import { editNames } from '../../src/config/target-edit.js'
import { parseDefaults, parseTarget } from '../../src/config/target-file.js'
import { Dns01Error } from '../../src/core/errors.js'
import { parseName } from '../../src/core/names.js'
import { dialogues, parsePlace } from '../../src/core/place.js'
import type { Line } from '../../src/core/world.js'
import { decodeAnswer, encodeQuery, typeCode } from '../../src/dns/message.js'
import { encodeReply, screen } from '../../src/dns/serving.js'
import { greet } from '../../src/served/dialogues.js'
import { clientHello, serverHello } from '../../src/served/hello.js'
import { judge } from '../../src/served/judge.js'
import { Disk } from '../../src/state/disk.js'
import { openHistory, withRun } from '../../src/state/history.js'
import { openJournal } from '../../src/state/journal.js'
import { openLedger } from '../../src/state/ledger.js'
import { parsePermissions } from '../../src/state/permissions.js'
import { openRenewalMemory } from '../../src/state/renewal-memory.js'
import { parseResponses } from '../../src/state/responses.js'
import { openServedMemory } from '../../src/state/served-memory.js'
import { readCertificate } from '../../src/x509/certificate.js'
import { children, constructed, type Der, readDer } from '../../src/x509/der.js'
import { element, integer, objectIdentifier, sequence } from '../../src/x509/der-write.js'
import { inspect } from '../../src/x509/inspect.js'
import { toPem } from '../../src/x509/pem.js'
import { certificatesIn } from '../../src/x509/pkcs7.js'
import { readCsr } from '../../src/x509/read-csr.js'
import { belonging } from '../../src/x509/together.js'
import { ecKey, selfSigned } from '../fakes/certificates.js'
import { csrOf, mustStaple, pemOf, rsaKey } from '../fakes/csr.js'
import { stateWorld } from '../fakes/state-world.js'
import { damaged, type Edit, edits } from './damage.js'
import { type Fuzzer, tried } from './fuzzer.js'

/** What reads bytes of others. It returns, or throws a Dns01Error; nothing else. */
export interface Decoder {
  readonly name: string
  readonly standing: number
  readonly seeds: readonly Uint8Array[]
  readonly tokens?: readonly string[]
  decode(bytes: Uint8Array): unknown
}

/** Far more than the slowest takes for 64 kB on a slow machine: 90 ms were the worst of 200,000. Processor time, so that other work does not count. */
const mostCpuSeconds = 5

/** @throws what `decode` may not throw, and when it takes too long */
async function checkDecoder(decode: Decoder['decode'], bytes: Uint8Array): Promise<void> {
  const began = process.cpuUsage()
  try {
    await decode(bytes)
  } catch (error) {
    if (!(error instanceof Dns01Error)) throw error
  }
  const { user, system } = process.cpuUsage(began)
  const seconds = (user + system) / 1e6
  if (seconds > mostCpuSeconds) throw new Error(`it took ${seconds} s for ${bytes.length} bytes`)
}

const greetings = [
  '220 a\r\n250 STARTTLS\r\n220 go\r\n',
  '* OK\r\na OK\r\n',
  '+OK\r\n+OK\r\n',
  'S',
  '0\x0c\x02\x01\x01\x78\x07\x0a\x01\x00\x04\x00\x04\x00',
]
const helloSeed = Uint8Array.from(
  Buffer.from(`1603030030020000${'2c0303'}${'00'.repeat(32)}00002f000006002b00020303`, 'hex'),
)
const aKey = rsaKey(2048)
const keys = [
  ...(['pkcs1', 'pkcs8'] as const).map(type => aKey.export({ type, format: 'der' })),
  ...(['pkcs1', 'pkcs8'] as const).map(type => Buffer.from(aKey.export({ type, format: 'pem' }))),
].map(bytes => Uint8Array.from(bytes))
const servedMemory = {
  'file www.example.com:443 www.example.com': {
    at: new Date(0),
    since: new Date(0),
    state: 'failed',
    text: 'x',
    hint: 'y',
    certificate: 'c',
  },
}

/** A server that says this and closes. */
function saying(bytes: Uint8Array): Line {
  const said = [bytes]
  return {
    read: async () => said.shift() ?? new Uint8Array(),
    write: () => {},
    shake: () => Promise.reject(new Error()),
    close: () => {},
  }
}

const utf8 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text))
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

const question = { name: parseName('_acme-challenge.www.example.com'), type: 'TXT' } as const
const ID = 4711

function answerWith(records: readonly object[], flags: object = {}): Uint8Array {
  const packet = new Packet()
  packet.header = new Packet.Header({ id: ID, qr: 1, aa: 1, ...flags })
  packet.questions = [new Packet.Question(question.name, typeCode(question.type), 1)]
  packet.answers = records.map(record => new Packet.Resource({ name: question.name, class: 1, ttl: 60, ...record }))
  packet.additionals = [Packet.Resource.EDNS([], { udpPayloadSize: 1232 })]
  return Uint8Array.from(packet.toBuffer())
}

const answers = [
  answerWith([{ type: 16, data: ['x'.repeat(43), 'second'] }]),
  answerWith([
    { type: 5, domain: 'other.example.net' },
    { type: 1, address: '192.0.2.1' },
    { type: 28, address: '2001:db8::1' },
    { type: 2, ns: 'ns1.example.com' },
  ]),
  answerWith([
    {
      ...{ type: 6, primary: 'ns1.example.com', admin: 'h.example.com', serial: 1, refresh: 2, retry: 3 },
      ...{ expiration: 4, minimum: 5 },
    },
    { type: 257, flags: 0, tag: 'issue', value: 'ca.example' },
  ]),
  answerWith([], { rcode: 3, tc: 1 }),
]

const queries = (['TXT', 'SOA', 'NS', 'AAAA'] as const).flatMap(type =>
  [true, false].map(edns => encodeQuery({ ...question, type }, { id: ID, recursion: true, edns })),
)

function walk(der: Der, depth = 0): void {
  if (depth < 100) for (const child of children(der)) walk(child, depth + 1)
}

async function certificates(): Promise<Uint8Array[]> {
  const names = [['www.example.com', '*.example.com'], Array.from({ length: 40 }, (_, i) => `h${i}.example.com`)]
  const made = await Promise.all(names.map(all => selfSigned(ecKey(), all)))
  return made.map(({ cert }) => Uint8Array.from(Buffer.from(cert.replace(/-----[^-]+-----|\s/g, ''), 'base64')))
}

/** PKCS #7 as DER and PEM (RFC 5652 §3, §5.1), and the certificates by themselves. */
async function bags(): Promise<Uint8Array[]> {
  const made = await certificates()
  const signedData = sequence(integer(1), sequence(), element(constructed(0), ...made))
  const bag = sequence(objectIdentifier('1.2.840.113549.1.7.2'), element(constructed(0), signedData))
  return [...made, bag, utf8(toPem(bag, 'PKCS7')), utf8(made.map(der => toPem(der)).join('words'))]
}

const csrs = [
  csrOf({ names: ['www.example.com', '*.example.com'], commonNames: ['www.example.com'], extensions: [mustStaple] }),
  csrOf({ key: rsaKey(2048), names: Array.from({ length: 40 }, (_, i) => `h${i}.example.com`) }),
  utf8(pemOf(csrOf({ names: ['www.example.com'], hash: 'sha384' }))),
]

const YAML = [
  ': ',
  '- ',
  '\n',
  '  ',
  '&a ',
  '*a',
  '<<: ',
  '!!binary ',
  '!!set ',
  '? ',
  '| ',
  '> ',
  '[',
  ']',
  '{',
  '}',
  '"',
  "'",
  '#',
  '~',
  '---\n',
]
const yamlSeeds = [
  'satisfy:\n  names:\n    - www.example.com\n    - "*.example.com"\n  margin: 20\nrequest:\n  provider: https://ca.test/dir\n  key:\n    type: ecdsa\n    ecdsa-curve: nistp384\n  challenge:\n    env: {A: b}\n    dns: {provider: exec, command: /x}\npriority: 5\nlabel: x\n',
  'satisfy:\n  names:\n  - a.example.com\n',
  'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n',
  'satisfy: &a\n  names: &b [www.example.com]\nrequest:\n  <<: *a\n  names: *b\n',
  'request: {by-hand: true, key: {id: x}}\nexport:\n- {format: p12, path: /x, passphrase-file: /y, mode: 0640}\n- {format: der, path: /z}\n',
  'request: {csr: x, profile: {required: a}, preferred-chain: R, key: {reuse: 30}}\n',
]
const dnsYml =
  'provider: route53\nresolvers: [192.0.2.1]\npropagation: {wait: true, max-pause-seconds: 5}\nzones:\n  example.com: {provider: rfc2136, nameserver: 192.0.2.1}\n'
const JSON_TOKENS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ':',
  ',',
  'null',
  'true',
  '-1',
  '1e999',
  '"__proto__"',
  '\\u0000',
  '{}',
  '[]',
]
const failure = {
  code: 'REFUSED',
  message: 'no',
  since: '2026-01-01T00:00:00.000Z',
  last: '2026-01-01T00:00:00.000Z',
  times: 1,
}
const ledger = { failures: { 'target www': failure }, validations: { x: ['2026-01-01T00:00:00.000Z'] }, orders: {} }
const instant = '2026-01-01T00:00:00.000Z'
const history = {
  runs: [
    {
      ...{ started: instant, ended: instant, seconds: 1, times: 1, command: 'dns01 reconcile', exit: 6 },
      ...{ issued: ['a.test'], failures: [{ subject: 'b.test', code: 'REFUSED', message: 'no' }], orders: { ca: 1 } },
      counts: { issued: 1, revoked: 0, linked: 0, failed: 1, waiting: 0, dnsChanges: 2 },
    },
  ],
}
const renewalMemory = {
  services: { ca: { url: 'https://ca.test/ari', askAgain: instant } },
  certificates: {
    c: { askAgain: instant, window: { start: instant, end: instant, chosen: instant, asked: instant } },
    d: { replaced: true, successor: 'c' },
  },
}
const challenge = { host: 'www.example.com', wildcard: false, token: '', keyAuthorization: '', targetFile: '', env: {} }
const entry = {
  id: 'abc',
  provider: 'rfc2136',
  settings: { nameserver: '192.0.2.1' },
  zone: 'example.com',
  records: [{ name: question.name, value: 'x'.repeat(43), zone: 'example.com', ttlSeconds: 60, challenge }],
}
const persistRecords = [
  'ca.example; accounturi=https://ca.example/acct/1; policy=wildcard; persistUntil=1798761600',
  ' CA.example ;\tAccountURI = a;x-y=1',
  'v=spf1 -all',
]
const order = {
  status: 'pending',
  identifiers: [{ type: 'dns', value: 'www.example.com' }],
  authorizations: ['https://ca.test/authz/1'],
  finalize: 'https://ca.test/f',
  expires: '2026-01-01T00:00:00Z',
  error: { type: 'urn:ietf:params:acme:error:caa', detail: 'no', subproblems: [{ type: 'x' }] },
}
const authorization = {
  status: 'pending',
  identifier: { type: 'dns', value: 'www.example.com' },
  challenges: [
    { type: 'dns-01', url: 'https://ca.test/c/1', status: 'pending', token: 'abc' },
    { type: 'dns-persist-01', url: 'https://ca.test/c/2', status: 'pending', 'issuer-domain-names': ['ca.test'] },
  ],
}

/** A state directory in memory with this one file. */
function diskWith(path: string, bytes: Uint8Array) {
  const { files, world } = stateWorld()
  files.put(`/s/${path}`, text(bytes))
  return { disk: new Disk(world, '/s'), world }
}

/** Its own errors are as good as an answer. */
function refusing(act: () => unknown): void {
  try {
    act()
  } catch (error) {
    if (!(error instanceof Dns01Error)) throw error
  }
}

const parsed = (bytes: Uint8Array): unknown => {
  try {
    return JSON.parse(text(bytes))
  } catch {
    return undefined
  }
}

const added = parseName('added.example.com')
const owners = { uid: () => 1, gid: () => 1, running: { uid: 0, gid: 0 } }
const acme = objectsOf('https://ca.test/directory')

export const DECODERS: readonly Decoder[] = [
  {
    ...{ name: 'dns/message: answers', standing: 6000, seeds: answers },
    decode: bytes => decodeAnswer(bytes, ID, question),
  },
  {
    ...{ name: 'dns/serving: questions', standing: 6000, seeds: [...queries, ...answers] },
    decode: bytes => {
      const screened = screen(Buffer.from(bytes))
      if (screened.is !== 'query') return
      const { udpLimitBytes } = screened.query
      const record = { name: question.name, type: 'TXT', ttlSeconds: 1, data: 'x'.repeat(43) } as const
      encodeReply(screened.query, undefined, udpLimitBytes)
      const answer = { rcode: 'NOERROR', authoritative: true, answers: [record], authorities: [] } as const
      encodeReply(screened.query, answer, udpLimitBytes)
    },
  },
  { name: 'x509/der', standing: 4000, seeds: await certificates(), decode: bytes => walk(readDer(bytes)) },
  { name: 'x509/pkcs7', standing: 2000, seeds: await bags(), decode: certificatesIn },
  { name: 'x509/read-csr', standing: 1500, seeds: csrs, decode: readCsr },
  {
    ...{ name: 'x509/inspect', standing: 600, seeds: [...(await certificates()), ...csrs, ...keys] },
    decode: bytes => {
      const { parts } = inspect(bytes)
      belonging(parts, part => part.kind, new Date(0))
    },
  },
  {
    // what a server may show: nothing of it may end a run
    ...{ name: 'served/judge', standing: 300, seeds: await certificates() },
    decode: bytes => {
      const handshake = { protocol: 'TLSv1.3', cipher: 'x', chain: [bytes] }
      const seen = { place: parsePlace('a.test'), name: parseName('www.example.com'), handshake }
      judge(seen, { now: new Date(0), ours: undefined, trusted: [] })
    },
  },
  {
    ...{
      name: 'served/dialogues',
      standing: 600,
      seeds: greetings.map(greeting => Uint8Array.from(Buffer.from(greeting, 'latin1'))),
    },
    decode: async bytes => {
      for (const dialogue of dialogues) await greet(saying(bytes), dialogue)
    },
  },
  {
    ...{
      name: 'served/hello',
      standing: 3000,
      seeds: [clientHello({ version: 'TLS 1.3', name: 'a.test', random: new Uint8Array(32) }), helloSeed],
    },
    decode: bytes => serverHello(Buffer.from(bytes)),
  },
  {
    ...{ name: 'served-memory', standing: 500, seeds: [utf8(JSON.stringify(servedMemory))], tokens: JSON_TOKENS },
    decode: bytes => {
      const { disk, world } = diskWith('.dns01/served.json', bytes)
      openServedMemory(disk, world.log)
    },
  },
  { name: 'x509/certificate', standing: 3000, seeds: await certificates(), decode: readCertificate },
  {
    ...{ name: 'target-file', standing: 800, seeds: yamlSeeds.map(utf8), tokens: YAML },
    decode: bytes => {
      const { defaults } = parseDefaults(text(bytes))
      parseTarget({ file: 'www.example.com', text: text(bytes), defaults })
    },
  },
  {
    ...{ name: 'target-edit', standing: 500, seeds: yamlSeeds.map(utf8), tokens: YAML },
    decode: bytes => {
      const after = editNames(text(bytes), { file: 'www.example.com', add: [added] })
      if (after === undefined) return
      const { target } = parseTarget({ file: 'www.example.com', text: after })
      if (!target.names.includes(added)) throw new Error(`${added} is not in what it wrote:\n${after}`)
    },
  },
  {
    ...{ name: 'renewal-memory', standing: 1000, seeds: [utf8(JSON.stringify(renewalMemory))], tokens: JSON_TOKENS },
    decode: bytes => {
      const { disk, world } = diskWith('.dns01/renewal-info.json', bytes)
      openRenewalMemory(disk, world)
    },
  },
  {
    ...{ name: 'dns-config', standing: 1000, seeds: [utf8(dnsYml), ...yamlSeeds.map(utf8)], tokens: YAML },
    decode: bytes => parseDnsConfig(text(bytes), 'conf/dns.yml', {}),
  },
  {
    ...{
      name: 'responses',
      standing: 1000,
      seeds: [utf8('"acme-enter-email": a@b.c\nx: true\n'), ...yamlSeeds.map(utf8)],
      tokens: YAML,
    },
    decode: bytes => parseResponses(text(bytes), 'conf/responses'),
  },
  {
    ...{
      name: 'permissions',
      standing: 2000,
      seeds: [utf8('keys 0600 0700\ncerts/* inherit\nx 0644 0755 root root\n')],
    },
    ...{ tokens: ['\n', ' ', 'inherit', '0777', '**', '[', ']', '?', '../', '$r'] },
    decode: bytes => parsePermissions(text(bytes), owners),
  },
  {
    ...{ name: 'ledger', standing: 2000, seeds: [utf8(JSON.stringify(ledger))], tokens: JSON_TOKENS },
    decode: bytes => {
      const { disk, world } = diskWith('.dns01/ledger.json', bytes)
      openLedger(disk, world)
    },
  },
  {
    ...{ name: 'history', standing: 2000, seeds: [utf8(JSON.stringify(history))], tokens: JSON_TOKENS },
    decode: bytes => {
      const { disk, world } = diskWith('.dns01/history.json', bytes)
      for (const run of openHistory(disk, world).runs) withRun([run], run, world.clock.now())
    },
  },
  {
    ...{ name: 'journal', standing: 2000, seeds: [utf8(JSON.stringify(entry))], tokens: JSON_TOKENS },
    decode: bytes => {
      const { disk, world } = diskWith('.dns01/journal/abc.json', bytes)
      for (const { records, zone, provider } of openJournal(disk, world).entries())
        [zone.length, provider.length, ...records.map(({ name, value }) => name.length + value.length)].join()
    },
  },
  {
    ...{ name: 'acme/objects', standing: 2000, seeds: [order, authorization].map(one => utf8(JSON.stringify(one))) },
    tokens: JSON_TOKENS,
    decode: bytes => {
      for (const read of [acme.order, acme.authorization, acme.account])
        refusing(() => read(parsed(bytes), 'https://ca.test/1'))
      acme.directory(parsed(bytes), 'x')
    },
  },
  {
    ...{ name: 'acme/persist-record', standing: 4000, seeds: persistRecords.map(utf8) },
    tokens: [
      ';',
      '; ',
      '=',
      ' ',
      '\t',
      'accounturi',
      'policy=wildcard',
      'persistUntil=',
      '-',
      '.',
      '"',
      '\u00a0',
      'x=1; ',
    ],
    decode: bytes => {
      const read = parsePersistRecord(text(bytes))
      judgePersist([text(bytes)], { issuers: ['ca.example'], accountUris: ['a'], wildcard: true, now: new Date(0) })
      if (read.malformed !== undefined || read.accountUri === undefined) return
      const again = parsePersistRecord(persistText(read))
      if (JSON.stringify(again) !== JSON.stringify(read)) throw new Error(`${persistText(read)} says something else`)
    },
  },
  {
    ...{
      name: 'env-file',
      standing: 1000,
      seeds: [utf8('# x\nA=b\nexport B="c d"\nC=\'e\'\n')],
      tokens: ['=', '"', "'", '\n', '`', '#', '\\', '$A'],
    },
    decode: async bytes => {
      const { files } = stateWorld()
      files.put('/env', text(bytes), 0o600)
      await loadEnv(files, {}, '/env')
    },
  },
]

interface Input {
  readonly seed: number
  readonly all: readonly Edit[]
}

export const decoderFuzzer = (decoder: Decoder): Fuzzer => ({
  name: decoder.name,
  standing: decoder.standing,
  run: round => {
    const input = fc.record({ seed: fc.nat(decoder.seeds.length - 1), all: edits(decoder.tokens) })
    const bytes = ({ seed, all }: Input): Uint8Array => damaged(decoder.seeds[seed] ?? new Uint8Array(), all)
    return tried(
      round,
      input,
      one => checkDecoder(decoder.decode, bytes(one)),
      one => `${decoder.name} of these bytes in base64: ${Buffer.from(bytes(one)).toString('base64')}`,
    )
  },
})

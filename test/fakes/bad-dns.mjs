// A name server that hands questions on to a good one and misbehaves, when asked for TXT or (MANNER-to-all) for
// anything: node bad-dns.mjs ADDRESS UPSTREAM MANNER [SECONDS]
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import dns2 from 'dns2'

const { Packet } = dns2
const [address = '', upstream = '', manner = '', seconds = '0'] = process.argv.slice(2)
const TXT = 16
let count = 0
/** When the first TXT value was asked for. */
let began

const servfail = query => changed(query, { qr: 1, rcode: 2 })
const isEarly = () => Date.now() - began < Number(seconds) * 1000
/** The same of each name. */
const asked = new Map()
const isEarlyForName = query => {
  const [{ name }] = Packet.parse(query).questions
  if (!asked.has(name)) asked.set(name, Date.now())
  return Date.now() - asked.get(name) < Number(seconds) * 1000
}

/** What it says to a question, given the good answer; undefined: nothing. */
const MANNERS = {
  well: (_query, answer) => answer,
  silent: () => undefined,
  servfail,
  'other-name': (_query, answer) => Object.assign(Buffer.from(answer), { 13: answer[13] ^ 1 }),
  'one-value': (_query, answer) => withAnswers(answer, all => all.sort(byText).slice(0, 1)),
  // three of ten, never two in a row: by chance alone now and then all repetitions of one question would be lost
  drops: (_query, answer) => ((count++ * 3) % 10 < 3 ? undefined : answer),
  truncates: (_query, answer, byUdp) =>
    byUdp
      ? changed(
          withAnswers(answer, () => []),
          { tc: 1 },
        )
      : answer,
  lags: (_query, answer) => (isEarly() ? withAnswers(answer, () => []) : answer),
  'lags-for-each-name': (query, answer) => (isEarlyForName(query) ? withAnswers(answer, () => []) : answer),
  flaps: (query, answer) => (++count % 2 === 0 ? answer : servfail(query)),
  'servfail-then-well': (query, answer) => (isEarly() ? servfail(query) : answer),
}
const toAll = manner.endsWith('-to-all')
const how = MANNERS[manner.replace('-to-all', '')]
if (!how) throw new Error(`there is no manner "${manner}"`)

const byText = (a, b) => (String(a.data) < String(b.data) ? -1 : 1)

/** Bits of the header (RFC 1035 §4.1.1). */
function changed(message, { qr = 0, tc = 0, rcode = 0 }) {
  const copy = Buffer.from(message)
  copy[2] |= (qr << 7) | (tc << 1)
  copy[3] |= rcode
  return copy
}

function withAnswers(message, choose) {
  const packet = Packet.parse(message)
  packet.answers = choose(packet.answers)
  packet.authorities = []
  packet.additionals = []
  return packet.toBuffer()
}

function answer(query, byUdp, send) {
  const isTxt = Packet.parse(query).questions[0]?.type === TXT
  if (isTxt) began ??= Date.now()
  const socket = createSocket('udp4')
  socket.once('message', good => {
    socket.close()
    const said = isTxt || toAll ? how(query, good, byUdp) : good
    if (said) send(said)
  })
  socket.send(query, 53, upstream)
}

const udp = createSocket('udp4')
udp.on('message', (query, from) => answer(query, true, said => udp.send(said, from.port, from.address)))
const tcp = createServer(socket => {
  socket.on('error', () => {})
  socket.once('data', query =>
    answer(query.subarray(2), false, said =>
      socket.end(Buffer.concat([Buffer.of(said.length >> 8, said.length), said])),
    ),
  )
})
udp.bind(53, address, () => tcp.listen(53, address, () => console.log('ready')))

// A secondary name server that lags: hands queries on to the primary, and keeps TXT records back for LAG seconds after it
// was first asked for them. Says on stdout when they become visible: `visible NAME at MILLISECONDS`.
// Usage: lagging-server.mjs ADDRESS PRIMARY LAG
import { createSocket } from 'node:dgram'

const [, , address, primary, lagSeconds] = process.argv
const TXT = 16
const visibleAt = new Map()
const socket = createSocket('udp4')

socket.on('message', (query, from) => {
  const question = readQuestion(query)
  if (question.type === TXT && hides(question.name)) socket.send(emptyAnswer(query), from.port, from.address)
  else handOn(query, from)
})
socket.bind(53, address, () => process.stdout.write('ready\n'))

/** From the first question on; so nobody gains by asking late. */
function hides(name) {
  if (!visibleAt.has(name)) {
    const at = Date.now() + Number(lagSeconds) * 1000
    visibleAt.set(name, at)
    setTimeout(() => process.stdout.write(`visible ${name} at ${at}\n`), Number(lagSeconds) * 1000)
  }
  return Date.now() < visibleAt.get(name)
}

function handOn(query, from) {
  const upstream = createSocket('udp4')
  const timer = setTimeout(() => upstream.close(), 2000)
  upstream.on('message', answer => {
    clearTimeout(timer)
    upstream.close()
    socket.send(answer, from.port, from.address)
  })
  upstream.send(query, 53, primary)
}

/** Labels and QTYPE of the one question (RFC 1035 §4.1.2). */
function readQuestion(query) {
  let at = 12
  const labels = []
  while (query[at]) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]).toLowerCase())
    at += 1 + query[at]
  }
  return { name: labels.join('.'), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** NOERROR, authoritative, no records (RFC 1035 §4.1.1). */
function emptyAnswer(query) {
  const answer = Buffer.from(query.subarray(0, readQuestion(query).end))
  answer.writeUInt16BE(0x8400 | (query.readUInt16BE(2) & 0x0100), 2)
  answer.fill(0, 6, 12)
  return answer
}

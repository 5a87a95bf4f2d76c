import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunningServer, startServer } from '../real/servers/process.js'
import type { Client } from './clients.js'
import { atMost } from './goals.js'
import { type Lab, primary, secondary, withLab, zone } from './lab.js'
import { race, type Sample } from './race.js'
import type { Row, Size } from './rows.js'

/** No whole seconds: some ask each second, and would look quick. */
const lagSeconds: Readonly<Record<Size, number>> = { full: 10.4, quick: 2.4, tiny: 0.4 }

/** Those that look for themselves until every server has the record. */
const watchers: Readonly<Record<Size, readonly string[]>> = {
  full: ['dns01', 'uacme', 'lego'],
  quick: ['dns01', 'uacme'],
  tiny: ['dns01'],
}

export const lag: Row = {
  id: 'lag',
  title: 'a secondary lags: from visible everywhere to the CA',
  needs: ['pebble', 'named', 'netns', 'time', 'setpriv'],
  measure: ({ clients, size }) =>
    withLab(
      async lab => {
        const program = join(import.meta.dirname, 'lagging-server.mjs')
        const argv = [process.execPath, program, secondary, primary, `${lagSeconds[size]}`]
        const server = await startServer(argv, { ready: /ready/, netns: lab.netns })
        try {
          const all = clients.filter(({ name }) => watchers[size].includes(name))
          let runs = 0
          const racers = all.map(client => ({
            name: client.name,
            run: () => untilAsked(lab, server, client, `lag${++runs}.${zone}`),
          }))
          const results = await race(racers, { rounds: size === 'full' ? 3 : 2, secondsEach: 60 })
          const notes = [`the lag was ${lagSeconds[size]} s; the moment the CA is told is known to 10 ms`]
          return { results, goals: [atMost(results, 'seconds', 0.1, 's')], notes }
        } finally {
          await server.stop()
        }
      },
      { lagging: true },
    ),
}

/** From the moment the last server shows the record to the request that tells the CA to look. */
async function untilAsked(lab: Lab, server: RunningServer, client: Client, host: string): Promise<Sample> {
  const before = challengesIn(lab)
  const issued = client.issue(lab, [[host]])
  let ended = false
  issued.finally(() => (ended = true)).catch(() => {})
  while (challengesIn(lab) === before && !ended) await sleep(5)
  const asked = Date.now()
  const { cpuSeconds } = await issued
  const [, visible] = server.log().match(new RegExp(`visible _acme-challenge\\.${host} at (\\d+)`)) ?? []
  if (visible === undefined) throw new Error(`${client.name} did not wait for the server that lags:\n${server.log()}`)
  return { seconds: (asked - Number(visible)) / 1000, cpuSeconds }
}

const challengesIn = (lab: Lab): number => lab.pebble.requests().filter(line => /chalZ/.test(line)).length

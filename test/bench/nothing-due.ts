import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { dns01Program } from '../real/servers/dns01.js'
import { temporaryFolder } from '../real/servers/process.js'
import { fillCertbot, fillState } from './certificates.js'
import { type Client, certbotPlaces, dns01Env } from './clients.js'
import { atMost, within } from './goals.js'
import { type Measured, measure } from './measure.js'
import { type Racer, race, type Sample } from './race.js'
import type { Row, Setting } from './rows.js'

const needs = ['time', 'setpriv']

const hosts = (count: number): string[] => Array.from({ length: count }, (_, i) => `h${i}.bench.test`)

const sample = ({ stdout: _, ...rest }: Measured): Sample => rest

/** Those that look through all they hold when cron calls them; uacme and lego are called once for each certificate. */
function racersIn(place: string, count: number, clients: readonly Client[]): Racer[] {
  const is = (name: string) => clients.some(client => client.name === name)
  const [state, certbot] = [join(place, 'state'), join(place, 'certbot')]
  fillState(state, hosts(count))
  const racers: Racer[] = [
    {
      name: 'dns01',
      run: async () =>
        sample(await measure([process.execPath, dns01Program, '--batch', 'reconcile'], { env: dns01Env(state) })),
    },
  ]
  if (is('certbot')) {
    fillCertbot(join(certbot, 'config'), hosts(count))
    const argv = ['certbot', 'renew', '--quiet', '--no-random-sleep-on-renew', ...certbotPlaces(certbot)]
    racers.push({ name: 'certbot', run: async () => sample(await measure(argv)) })
  }
  if (is('acmetool')) {
    const hooks = join(place, 'no-hooks')
    mkdirSync(hooks)
    const argv = ['acmetool', '--batch', '--state', state, '--hooks', hooks, 'reconcile']
    racers.push({ name: 'acmetool', run: async () => sample(await measure(argv)) })
  }
  return racers
}

async function compare(count: number, { pace }: Setting, clients: readonly Client[]) {
  const folder = temporaryFolder('bench-due')
  try {
    return await race(racersIn(folder.path, count, clients), pace)
  } finally {
    folder.remove()
  }
}

const without = (clients: readonly Client[], ...names: string[]): Client[] =>
  clients.filter(client => !names.includes(client.name))

/** What cron does every six hours on most machines: the time is that of starting. */
export const fewHeld: Row = {
  id: 'held3',
  title: 'nothing due, 3 certificates',
  needs,
  measure: async setting => {
    const results = await compare(3, setting, setting.clients)
    return {
      results,
      goals: [within(results, 0.09, 'certbot', 1 / 5)],
      notes: ['the first run of a build also keeps what was compiled (dist/cache); the median is without it'],
    }
  },
}

export const thousandHeld: Row = {
  id: 'held',
  title: 'nothing due, 1,000 certificates',
  needs,
  measure: async setting => {
    const clients = setting.size === 'full' ? setting.clients : without(setting.clients, 'acmetool')
    const results = await compare(setting.size === 'tiny' ? 5 : 1000, setting, clients)
    return {
      results,
      goals: [within(results, 0.4, 'certbot', 1 / 8)],
      notes: setting.size === 'full' ? [] : ['acmetool (20 s a run) takes part in the full run only'],
    }
  },
}

export const tenThousandHeld: Row = {
  id: 'held10000',
  title: 'nothing due, 10,000 certificates',
  needs,
  measure: async setting => {
    const clients = without(setting.clients, 'acmetool', ...(setting.size === 'full' ? [] : ['certbot']))
    const results = await compare(setting.size === 'tiny' ? 10 : 10_000, setting, clients)
    return {
      results,
      goals: [within(results, 2, 'certbot', 1 / 15), atMost(results, 'peakMb', 120, 'MB')],
      notes: ['acmetool would take minutes', ...(setting.size === 'full' ? [] : ['certbot in the full run only'])],
    }
  },
}

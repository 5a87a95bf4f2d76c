import type { Client } from './clients.js'
import { dns01 } from './clients.js'
import { atMost, within } from './goals.js'
import { type Lab, withLab, zone } from './lab.js'
import { type Racer, race } from './race.js'
import type { Goal, Row, Size } from './rows.js'

const needs = ['pebble', 'named', 'netns', 'time', 'setpriv']

const hosts = (count: number): string[] => Array.from({ length: count }, (_, i) => `h${i}.${zone}`)

/** Every client issues the same; `certificates` says how many of them one may leave out. */
const racers = (
  lab: Lab,
  clients: readonly Client[],
  certificates: readonly (readonly string[])[],
  doing: (client: Client) => number = () => certificates.length,
): Racer[] =>
  clients.map(client => {
    const some = certificates.slice(0, doing(client))
    return {
      name: client.name,
      scale: certificates.length / some.length,
      run: () => lab.counted(() => client.issue(lab, some)),
    }
  })

const named = (clients: readonly Client[], ...names: string[]): Client[] =>
  clients.filter(client => names.includes(client.name))

export const oneName: Row = {
  id: 'one',
  title: '1 certificate, 1 name',
  needs,
  measure: ({ clients, pace, size }) =>
    withLab(async lab => {
      const all = size === 'full' ? clients : named(clients, 'dns01', 'uacme', 'certbot', 'lego')
      const results = await race(racers(lab, all, [hosts(1)]), pace)
      return {
        results,
        goals: [within(results, 0.35, 'uacme', 1 / 2), atMost(results, 'requests', 10, 'requests')],
        notes: size === 'full' ? [] : ['acmetool takes part in the full run only'],
      }
    }),
}

/** Those that take seconds for each name do a tenth. */
const slowShare = 10

export const manyNames: Row = {
  id: 'names',
  title: '1 certificate, 100 names',
  needs,
  measure: ({ clients, pace, size }) =>
    withLab(async lab => {
      const count = size === 'tiny' ? 3 : 100
      const slow = size === 'full' ? clients.filter(({ name }) => name !== 'dns01' && name !== 'certbot') : []
      const all = racers(lab, named(clients, 'dns01', 'certbot'), [hosts(count)])
      const some = racers(lab, slow, [hosts(count / slowShare)]).map(racer => ({ ...racer, scale: slowShare }))
      const results = await race([...all, ...some], pace)
      const goals = [
        within(results, 1, 'certbot', 1 / 5),
        atMost(results, 'requests', 225, 'requests'),
        atMost(results, 'updates', 2, 'updates'),
      ]
      const notes = [
        ...slow.map(({ name }) => `${name}: measured with ${count / slowShare} names, multiplied`),
        ...(size === 'full' ? [] : ['the others take minutes: in the full run only']),
      ]
      return { results, goals, notes }
    }),
}

/** Of 100: what takes a second each is done in part, and multiplied. */
const shares: Readonly<Record<Size, Readonly<Record<string, number>>>> = {
  full: { uacme: 100, certbot: 10, lego: 10, acmetool: 5 },
  quick: { uacme: 4, certbot: 1 },
  tiny: { uacme: 1 },
}

export const manyCertificates: Row = {
  id: 'certificates',
  title: '100 certificates, 1 name each',
  needs,
  measure: ({ clients, pace, size }) =>
    withLab(async lab => {
      const certificates = hosts(size === 'tiny' ? 3 : 100).map(host => [host])
      const share = shares[size]
      const all = clients.filter(client => client === dns01 || share[client.name])
      const doing = (client: Client) => share[client.name] ?? certificates.length
      const results = await race(racers(lab, all, certificates, doing), { ...pace, rounds: size === 'full' ? 3 : 1 })
      const parts = all.filter(client => doing(client) < certificates.length)
      return {
        results,
        goals: [within(results, 4, 'uacme', 1 / 15)],
        notes: parts.map(one => `${one.name}: measured with ${doing(one)}, multiplied`),
      }
    }),
}

export const fromEmpty: Row = {
  id: 'thousand',
  title: '1,000 certificates from empty',
  needs,
  measure: setting =>
    withLab(async lab => {
      const count = counts[setting.size]
      const half = hosts(count / 2).map(host => [host])
      const whole = hosts(count).map(host => [host])
      const [results, smaller] = [await run(lab, whole), await run(lab, half)]
      return {
        results: [...results, ...smaller.map(result => ({ ...result, name: `dns01, ${count / 2}` }))],
        goals: goalsOfThousand(results, count),
        notes: [`${count} certificates, and half of them: memory does not follow the number`],
      }
    }),
}

const counts: Readonly<Record<Size, number>> = { full: 1000, quick: 100, tiny: 4 }

const run = (lab: Lab, certificates: readonly (readonly string[])[]) =>
  race(racers(lab, [dns01], certificates), { rounds: 1, secondsEach: 0 })

const goalsOfThousand = (results: Parameters<typeof atMost>[0], count: number): Goal[] => [
  atMost(results, 'peakMb', 200, 'MB'),
  atMost(results, 'requests', count * 8 + 5, 'requests'),
]

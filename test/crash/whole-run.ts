import { expect } from 'vitest'
import { codeOf } from '../../src/core/errors.js'
import { type Fault, type Outside, outside, ROOT, type Run, type Step } from '../fakes/outside.js'
import { invariants } from '../fakes/state-invariants.js'

const ZONES = ['one.test', 'two.test'] as const

/** `count` targets, by turns in the two zones; the last has its wildcard, too: two values at one name. */
export function machineWith(count: number): Outside {
  const names = Array.from({ length: count }, (_, i) => [`h${i}.${ZONES[i % 2]}`])
  names.at(-1)?.push(`*.${names.at(-1)?.[0]}`)
  return outside({ targets: names, zones: ZONES })
}

/** The steps of a run in which nothing goes wrong. */
export async function stepsOf(count: number): Promise<readonly Step[]> {
  const machine = machineWith(count)
  const { steps, outcomes, said } = await machine.run()
  expect({ failed: failures(outcomes), said, issued: machine.ca.issued.length }).toEqual({
    failed: [],
    said: [],
    issued: count,
  })
  return steps
}

export const failures = (outcomes: Run['outcomes']): unknown[] =>
  (outcomes ?? []).filter(({ result }) => result === 'failed').map(({ error }) => error)

/** A fault at one step only. */
export const at =
  (k: number, fault: Fault) =>
  (_: Step, count: number): Fault =>
    count === k ? fault : undefined

/** From that change of the disk on. */
export function diskFrom(k: number, fault: Fault): (step: Step) => Fault {
  let changes = 0
  return step => (step === 'disk' && changes++ >= k ? fault : undefined)
}

/** What must hold when a run has ended in whatever way; then a run without faults must put all in order. */
export async function heals(machine: Outside, count: number): Promise<void> {
  invariants(machine.files, ROOT)
  const known = ordersOnDisk(machine)
  const asked = machine.ca.orders.length
  const run = await machine.run()
  expect(run.error).toBeUndefined()
  expect(failures(run.outcomes)).toEqual([])
  expect(run.said.filter(line => !line.includes('took over the lock'))).toEqual([])
  expect(machine.ca.orders.length - asked, 'orders for what was not on disk').toBe(count - known.length)
  allIsWell(machine, count)
}

/** Every name is live, each certificate was signed once, and nothing is left of any run. */
export function allIsWell({ files, ca, txt }: Outside, count: number): void {
  invariants(files, ROOT)
  expect(ca.issued.map(({ names }) => names[0]).sort(), 'signed once each').toEqual(
    Array.from({ length: count }, (_, i) => `h${i}.${ZONES[i % 2]}`).sort(),
  )
  const tree = files.tree(ROOT)
  expect(tree.filter(line => line.startsWith('link live/'))).toHaveLength(count + 1)
  expect(
    tree.filter(line => line.endsWith('/fullchain')),
    'found again',
  ).toHaveLength(count)
  expect(tree.filter(line => line.startsWith('folder') && line.includes(' certs/'))).toHaveLength(count)
  expect(
    tree.filter(line => / (tmp|\.dns01)\/(?!journal$|ledger\.json$)/.test(line)),
    'leftovers',
  ).toEqual([])
  expect(txt(), 'TXT records').toEqual([])
}

const ordersOnDisk = ({ files }: Outside): string[] =>
  files.info(`${ROOT}/certs`) ? files.tree(`${ROOT}/certs`).filter(line => line.endsWith('/url')) : []

/** Every error of a run is the disk's, in words and with advice. */
export function toldAsDiskFault(run: Run, code: string): void {
  const errors = [...failures(run.outcomes), ...(run.error === undefined ? [] : [run.error])]
  for (const error of errors) {
    expect(codeOf(error)).toBe('STATE')
    expect(error).toMatchObject({ message: expect.stringContaining(code), hint: expect.any(String) })
  }
}

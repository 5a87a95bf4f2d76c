import { expect, test } from 'vitest'
import { budgets } from '../../../src/limits/budget.js'
import type { Failure, Memory } from '../../../src/state/ledger.js'

const CA = 'https://ca.test/dir'
const now = new Date('2026-01-01T12:00:00Z')
const minutesAgo = (...minutes: number[]): Date[] => minutes.map(m => new Date(now.getTime() - m * 60_000))
const memory = (more: Partial<Memory> = {}): Memory => ({
  failures: new Map(),
  validations: new Map(),
  orders: new Map(),
  ...more,
})
const limits = { ordersPer3Hours: 3, failedValidationsPerHour: 5 }
const of = (more: Partial<Memory>, limitsOf = () => limits as object) => budgets([CA], memory(more), limitsOf, now)[0]

test('counts the orders of three hours, and says when one more may be made', () => {
  const orders = new Map([['ca.test%2fdir', minutesAgo(200, 170, 100, 10)]])
  expect(of({ orders })?.orders).toEqual({ made: 3, most: 3, nextAt: new Date('2026-01-01T12:10:00Z') })
  expect(of({})?.orders).toMatchObject({ made: 0, most: 3, nextAt: expect.any(Date) })
})

test('knows nothing of orders where no limit is known: there they are not counted', () => {
  expect(of({}, () => ({}))).toEqual({ ca: CA, orders: undefined, failedValidations: undefined, failure: undefined })
})

test('tells the name that failed most often in the last hour, of this CA', () => {
  const validations = new Map([
    ['ca.test%2fdir a.test', minutesAgo(5, 90)],
    ['ca.test%2fdir b.test', minutesAgo(1, 2)],
    ['other.test%2fdir c.test', minutesAgo(1, 2, 3)],
  ])
  expect(of({ validations })?.failedValidations).toEqual({ name: 'b.test', times: 2, most: 5 })
  expect(of({})?.failedValidations).toBeUndefined()
})

test('tells that the CA itself fails', () => {
  const failure: Failure = { code: 'UNAVAILABLE', message: 'no answer', since: now, last: now, times: 1 }
  expect(of({ failures: new Map([['ca.test%2fdir', failure]]) })?.failure).toBe(failure)
})

test('a CA that is written in two ways is one', () => {
  const all = budgets([CA, 'https://CA.test/dir', 'https://other.test/dir'], memory(), () => ({}), now)
  expect(all.map(({ ca }) => ca)).toEqual([CA, 'https://other.test/dir'])
})

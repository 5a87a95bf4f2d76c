import { describe, expect, test } from 'vitest'
import { renewAt, renewalDate } from '../../../src/renew/renewal-date.js'

const at = (text: string): Date => new Date(text.length === 10 ? `${text}T00:00:00Z` : `${text}:00Z`)
const window = (start: string, end: string, chosen: string) => ({
  start: at(start),
  end: at(end),
  chosen: at(chosen),
  asked: at('2026-06-01'),
})

/** From 2026-05-01; our own time is a third of the lifetime, or a half, before its end. */
const lives = (days: number) => ({
  notBefore: at('2026-05-01'),
  notAfter: new Date(at('2026-05-01').getTime() + days * 86_400_000),
})

describe('a certificate of 90 days, which ends on 2026-07-30 and is ours to renew on 2026-06-30', () => {
  const usual = window('2026-06-29', '2026-07-01', '2026-06-30')

  test.each([
    { what: 'nothing is known', window: undefined, given: undefined, renewed: '2026-06-30' },
    { what: 'a window as usual', window: usual, given: undefined, renewed: '2026-06-29T18:00' },
    {
      what: 'an early window',
      window: window('2026-06-01', '2026-06-03', '2026-06-02T12:00'),
      given: undefined,
      renewed: '2026-06-02T06:00',
    },
    {
      what: 'a window in the past',
      window: window('2026-05-10', '2026-05-11', '2026-05-10T12:00'),
      given: undefined,
      renewed: '2026-05-10T06:00',
    },
    {
      what: 'a window before it was made',
      window: window('2026-04-01', '2026-04-02', '2026-04-01T12:00'),
      given: undefined,
      renewed: '2026-05-01',
    },
    {
      what: 'a window that is still far: the usual margin renews no earlier',
      window: window('2026-07-10', '2026-07-12', '2026-07-11'),
      given: undefined,
      renewed: '2026-07-10T18:00',
    },
    {
      what: 'the same window, and a margin that somebody wrote down',
      window: window('2026-07-10', '2026-07-12', '2026-07-11'),
      given: true,
      renewed: '2026-06-30',
    },
    {
      what: 'an early window, and a margin that somebody wrote down',
      window: window('2026-06-01', '2026-06-03', '2026-06-02T12:00'),
      given: true,
      renewed: '2026-06-02T06:00',
    },
    {
      what: 'a window so late that less than a third of the margin would be left',
      window: window('2026-07-25', '2026-07-27', '2026-07-26'),
      given: undefined,
      renewed: '2026-07-19T18:00',
    },
    {
      what: 'a window behind the end',
      window: window('2026-08-10', '2027-08-12', '2027-03-01'),
      given: undefined,
      renewed: '2026-07-19T18:00',
    },
    {
      what: 'a window behind the end, and a margin that somebody wrote down',
      window: window('2026-08-10', '2027-08-12', '2027-03-01'),
      given: true,
      renewed: '2026-06-30',
    },
  ])('$what: renewed from $renewed', ({ window, given, renewed }) => {
    expect(renewalDate(lives(90), { marginDays: 30, marginGiven: given }, window).at).toEqual(at(renewed))
  })
})

test.each([
  { days: 6, chosen: '2026-05-04', renewed: '2026-05-03T23:00', why: 'hourly runs' },
  { days: 6, chosen: '2026-05-20', renewed: '2026-05-05T23:00', why: 'a third of the margin of three days' },
  { days: 1, chosen: '2026-05-01T12:00', renewed: '2026-05-01T11:00', why: 'hourly runs' },
  { days: 1 / 24, chosen: '2026-05-01T00:30', renewed: '2026-05-01T00:25', why: 'a twelfth of the lifetime' },
])('of a certificate of $days days with $chosen chosen, the run before is that from $renewed: $why', row => {
  const { days, chosen, renewed } = row
  const suggested = window('2026-05-01', '2026-06-01', chosen)
  expect(renewalDate(lives(days), { marginDays: 30 }, suggested).at).toEqual(at(renewed))
})

test.each([
  { days: 90, marginDays: 29, because: 'it ends 29 days later' },
  { days: 60, marginDays: 30, because: 'a third of its lifetime is left' },
  { days: 6, marginDays: 30, because: 'half of its lifetime is left' },
])('of $days days with a margin of $marginDays, where no CA says anything: $because', row => {
  const { because, at: when, own } = renewalDate(lives(row.days), row)
  expect(because()).toBe(row.because)
  expect([when, own]).toEqual([renewAt(lives(row.days), row.marginDays), own])
})

test.each([
  {
    what: 'the window',
    chosen: '2026-07-11',
    given: false,
    because: 'the CA asks for renewal between 2026-07-10T00:00Z and 2026-07-12T00:00Z (asked 2026-06-01T00:00Z)',
  },
  {
    what: 'the window, too late',
    chosen: '2026-07-28',
    given: false,
    because:
      'the CA asks for renewal between 2026-07-10T00:00Z and 2026-07-12T00:00Z (asked 2026-06-01T00:00Z), which is too near to its end',
  },
  {
    what: 'the written margin',
    chosen: '2026-07-11',
    given: true,
    because:
      'it ends 20 days later, while the CA asks for renewal between 2026-07-10T00:00Z and 2026-07-12T00:00Z (asked 2026-06-01T00:00Z)',
  },
])('the reason names $what', ({ chosen, given, because }) => {
  const suggested = window('2026-07-10', '2026-07-12', chosen)
  expect(renewalDate(lives(90), { marginDays: 20, marginGiven: given }, suggested).because()).toBe(because)
})

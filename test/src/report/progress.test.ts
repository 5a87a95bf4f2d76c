import { describe, expect, test } from 'vitest'
import { plain } from '../../../src/core/styled.js'
import { textWidth } from '../../../src/core/text-width.js'
import type { Step } from '../../../src/core/world.js'
import { Board, finalLines, liveLines } from '../../../src/report/progress.js'

const at = (seconds: number): Date => new Date(Date.UTC(2026, 10, 22) + seconds * 1000)

/** A board that has seen these steps of certificates, each at its second. */
function seen(...steps: readonly (readonly [seconds: number, step: Step])[]): Board {
  const board = new Board()
  for (const [seconds, step] of steps) board.see(step, at(seconds))
  return board
}

const of = (id: string, more: Partial<Step>): Step => ({
  id,
  subject: `${id}.example.com`,
  kind: 'certificate',
  ...more,
})

const view = (columns: number, rows = 24) => ({ columns, rows })
const live = (board: Board, seconds: number, columns = 80, rows = 24): string[] =>
  liveLines(board, at(seconds), view(columns, rows)).map(plain)

const lagging = (): string => 'ns2.example.net (2 of 3 servers show it)'

const three = (): Board =>
  seen(
    [0, of('www', { stage: 'waiting for its turn' })],
    [0, of('mail', { stage: 'waiting for its turn' })],
    [0, of('ldap', { stage: 'waiting for its turn' })],
    [1, of('www', { stage: 'asking the CA' })],
    [2, of('mail', { stage: 'waiting for the name servers', detail: lagging, atMostSeconds: 900 })],
    [3, of('ldap', { result: 'failed', detail: () => 'no zone holds _acme-challenge.ldap.example.com' })],
    [4, of('www', { stage: 'waiting for the certificate' })],
    [9, of('www', { result: 'issued' })],
  )

describe('with three certificates', () => {
  test('each has a line: its step, what it waits for, and since when', () => {
    expect(live(three(), 14, 80)).toEqual([
      '3 certificates: 1 issued, 1 failed, 1 under way · 14 s',
      '✓ www.example.com   issued                                                  9 s',
      '· mail.example.com  ns2.example.net (2 of 3 servers show it)     12 s of 15 min',
      '✗ ldap.example.com  no zone holds _acme-challenge.ldap.example…             3 s',
    ])
  })

  test('a wide terminal has room for the stage and what exactly it waits for, and no line goes on for ever', () => {
    expect(live(three(), 14, 200)[2]).toBe(
      '· mail.example.com  waiting for the name servers: ns2.example.net (2 of 3 servers show it)      12 s of 15 min',
    )
  })

  test('what stays in the end is how each went, and how long it took', () => {
    const board = three()
    board.see(of('mail', { result: 'issued' }), at(20))
    expect(board.isBusy).toBe(false)
    expect(live(board, 20)).toEqual([])
    expect(finalLines(board, at(20), view(80)).map(plain)).toEqual([
      '✓ www.example.com   issued   9 s',
      '✓ mail.example.com  issued  20 s',
      '✗ ldap.example.com  failed   3 s',
    ])
    board.forget()
    expect(finalLines(board, at(20), view(80))).toEqual([])
  })

  test('one that is tried again is no longer over, and counts from now', () => {
    const board = three()
    board.see(of('ldap', { stage: 'waiting for its turn' }), at(10))
    expect(live(board, 12)[0]).toBe('3 certificates: 1 issued, 2 under way · 12 s')
    expect(live(board, 12).at(-1)).toMatch(/^· ldap\.example\.com +waiting for its turn +2 s$/)
  })

  test.each(Array.from({ length: 20 }, (_, i) => 10 + i * 10))('no line is wider than %i columns', columns => {
    const board = three()
    board.see(of('wide', { subject: '証明書.example', stage: '証明書'.repeat(20) }), at(5))
    board.see({ subject: 'newOrder', stage: '証'.repeat(99), detail: () => 'again in 8 s', kind: 'pause' }, at(5))
    for (const lines of [live(board, 14, columns), finalLines(board, at(14), view(columns)).map(plain)])
      expect(Math.max(...lines.map(textWidth))).toBeLessThan(columns)
  })
})

describe('with 3,000', () => {
  const many = seen(
    ...Array.from({ length: 3000 }, (_, i) => [0, of(`h${i}`, { stage: 'waiting for its turn' })] as const),
    ...Array.from({ length: 1200 }, (_, i) => [1, of(`h${i}`, { result: 'issued' })] as const),
    ...[1200, 1201].map(i => [2, of(`h${i}`, { result: 'failed', detail: () => 'the CA refused' })] as const),
    ...Array.from({ length: 30 }, (_, i) => [3, of(`h${1300 + i}`, { stage: 'asking the CA' })] as const),
    ...[1400, 1401].map(i => [4, of(`h${i}`, { stage: 'waiting for the name servers', detail: lagging })] as const),
  )

  test('stages are counted; those that wait longest and what failed last have lines', () => {
    expect(live(many, 134, 90)).toEqual([
      '3,000 certificates: 1,200 issued, 2 failed, 1,798 under way · 2 min 14 s',
      '  1,766 waiting for its turn',
      '     30 asking the CA',
      '      2 waiting for the name servers',
      ...[1300, 1301, 1302, 1303, 1304].map(
        i => `· h${i}.example.com  asking the CA                                             2 min 11 s`,
      ),
      '✗ h1200.example.com  failed: the CA refused                                           2 s',
      '✗ h1201.example.com  failed: the CA refused                                           2 s',
    ])
  })

  test.each([5, 10, 24, 100])('the list is not higher than a terminal of %i rows', rows => {
    expect(live(many, 134, 90, rows).length).toBeLessThan(rows)
  })

  test('what stays in the end is one line', () => {
    const board = seen(
      ...Array.from(
        { length: 3000 },
        (_, i) => [i / 100, of(`h${i}`, { result: i < 2 ? 'failed' : 'issued' })] as const,
      ),
    )
    expect(finalLines(board, at(30), view(80)).map(plain)).toEqual([
      '3,000 certificates: 2,998 issued, 2 failed · 30 s',
    ])
  })
})

test('what is no certificate has its line as long as it lasts, and leaves nothing', () => {
  const board = seen([0, { subject: 'a.example', stage: 'looking for its zone' }])
  expect(live(board, 2, 60)).toEqual(['· a.example  looking for its zone                       2 s'])
  board.see({ subject: 'a.example' }, at(3))
  expect([board.isBusy, finalLines(board, at(3), view(60))]).toEqual([false, []])
})

test('a pause stands below, and is no certificate', () => {
  const board = seen(
    [0, of('www', { stage: 'asking the CA' })],
    [1, { subject: 'newOrder', stage: 'the CA is busy', detail: () => 'again in 8 s', kind: 'pause' }],
  )
  expect(live(board, 1)).toEqual([expect.stringMatching(/^· www/), 'the CA is busy; again in 8 s'])
  board.see({ subject: 'newOrder', kind: 'pause' }, at(9))
  expect(live(board, 9)).toHaveLength(1)
})

test('the name that is heard first stays', () => {
  const board = seen([0, of('www', { subject: 'www.example.com +2', stage: 'a' })], [0, of('www', { stage: 'b' })])
  expect(live(board, 0)[0]).toMatch(/^· www\.example\.com \+2 /)
})

test('it has no more than ASCII where the terminal has not', () => {
  expect(liveLines(three(), at(14), { ...view(60), isUnicode: false }).map(plain)[1]).toMatch(/^\+ www/)
})

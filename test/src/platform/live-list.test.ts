import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Prompt } from '../../../src/core/world.js'
import { openLiveList, type TerminalList } from '../../../src/platform/live-list.js'
import { askingWithout } from '../../../src/platform/terminal.js'
import { screenOf } from '../../real/servers/terminal.js'

const lists: TerminalList[] = []
beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] }))
afterEach(() => {
  for (const list of lists.splice(0)) list.end()
  vi.useRealTimers()
})

function terminal(columns = 60) {
  const writes: string[] = []
  const write = (text: string): boolean => {
    writes.push(text)
    return true
  }
  const stream = Object.assign(new EventEmitter(), { columns, rows: 24, write })
  const list = openLiveList({
    ...{ stream: stream as unknown as NodeJS.WriteStream, colours: false, isUnicode: true },
    now: () => new Date(),
  })
  lists.push(list)
  const resize = (to: number): void => {
    stream.columns = to
    stream.emit('resize')
  }
  return {
    list,
    write,
    writes,
    resize,
    screen: () => screenOf(writes.join('').replaceAll('\n', '\r\n')).trimEnd() /* as a tty does it */,
  }
}

const asking = { subject: 'a.example', kind: 'certificate', stage: 'asking the CA' } as const

describe('the list at the bottom of the terminal', () => {
  test('is drawn after a tenth of a second, and counts seconds', () => {
    const { list, screen, writes } = terminal()
    list.step(asking)
    expect(writes).toEqual([])
    vi.advanceTimersByTime(100)
    expect(screen()).toMatch(/^· a\.example {2}asking the CA +0 s$/)
    vi.advanceTimersByTime(3000)
    expect(screen()).toMatch(/^· a\.example {2}asking the CA +3 s$/)
  })

  test('is drawn ten times a second at most, in one write each time', () => {
    const { list, writes } = terminal()
    for (let i = 0; i < 1000; i++) {
      list.step({ ...asking, id: `${i % 50}`, stage: `${i}` })
      vi.advanceTimersByTime(1)
    }
    expect(writes.length).toBeGreaterThan(5)
    expect(writes.length).toBeLessThanOrEqual(10)
  })

  test('is away while others write, and comes back below', () => {
    const { list, write, screen } = terminal()
    list.step(asking)
    vi.advanceTimersByTime(100)
    list.clear()
    write('warn: careful\n')
    expect(screen()).toBe('warn: careful')
    vi.advanceTimersByTime(100)
    expect(screen()).toMatch(/^warn: careful\n· a\.example /)
  })

  test('leaves how it went, and nothing comes after the end', () => {
    const { list, screen } = terminal()
    list.step(asking)
    vi.advanceTimersByTime(2000)
    list.step({ ...asking, stage: undefined, result: 'issued' })
    expect(screen()).toMatch(/^✓ a\.example {2}issued +2 s$/)
    list.end()
    list.step({ ...asking, id: 'b' })
    vi.advanceTimersByTime(5000)
    expect(screen()).toMatch(/^✓ a\.example {2}issued +2 s$/)
  })

  test('is gone at the end of a run that was stopped', () => {
    const { list, screen } = terminal()
    list.step(asking)
    vi.advanceTimersByTime(200)
    list.end()
    expect(screen()).toBe('')
  })

  test('of a run that takes no time shows only how it went', () => {
    const { list, writes } = terminal()
    list.step(asking)
    list.step({ ...asking, stage: undefined, result: 'issued' })
    expect(writes).toHaveLength(1)
  })

  test('on a terminal that got narrower, which wraps its lines, erases all their rows', () => {
    const { list, writes, resize } = terminal(60)
    for (const id of ['a', 'b', 'c']) list.step({ ...asking, id })
    vi.advanceTimersByTime(100)
    resize(30)
    vi.advanceTimersByTime(100)
    // the first line is 43 columns wide, the others 59: two rows each
    expect(writes.at(-1)?.startsWith('\x1b[8A\r\x1b[J')).toBe(true)
    expect(Math.max(...(writes.at(-1) ?? '').split('\n').map(line => line.length))).toBeLessThanOrEqual(40)
  })

  test('after a stop by Ctrl-Z begins below what the shell wrote', () => {
    const { list, writes } = terminal()
    list.step(asking)
    vi.advanceTimersByTime(100)
    process.emit('SIGCONT')
    vi.advanceTimersByTime(100)
    expect(writes.at(-1)).toMatch(/^· a\.example/)
  })

  test('never hides the cursor', () => {
    const { list, writes } = terminal()
    list.step(asking)
    vi.advanceTimersByTime(5000)
    list.end()
    expect(writes.join('')).not.toContain('\x1b[?25')
  })

  test('is not there while a question is open', async () => {
    const { list, write, screen } = terminal()
    let seen = ''
    const confirm = async (question: string): Promise<boolean> => {
      list.step({ ...asking, id: 'b' })
      vi.advanceTimersByTime(2000)
      write(question)
      seen = screen()
      write('\r\n')
      return true
    }
    list.step(asking)
    vi.advanceTimersByTime(100)
    await askingWithout(list, { confirm } as Prompt).confirm('Do you agree?')
    expect(seen).toBe('Do you agree?')
    vi.advanceTimersByTime(100)
    expect(screen()).toMatch(/^Do you agree\?\n2 certificates/)
  })
})

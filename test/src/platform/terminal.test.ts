import { describe, expect, test } from 'vitest'
import type { Prompt } from '../../../src/core/world.js'
import { askingWithout, fitted, openTerminalLine, widthOf } from '../../../src/platform/terminal.js'
import { screenOf } from '../../real/servers/terminal.js'

function terminal() {
  let bytes = ''
  const write = (text: string): boolean => {
    bytes += text
    return true
  }
  const line = openTerminalLine({ columns: 20, write } as unknown as NodeJS.WriteStream)
  return { line, write, screen: () => screenOf(bytes) }
}

describe('the line at the bottom of the terminal', () => {
  test('is replaced by the next one, and no longer than the terminal is wide', () => {
    const { line, screen } = terminal()
    line.show('a.example: asking the CA for an order')
    expect(screen()).toBe('a.example… an order')
    line.show('b.example: short')
    expect(screen()).toBe('b.example: short')
  })

  test('is gone in the end, and does not come back', () => {
    const { line, screen } = terminal()
    line.show('waiting')
    line.end()
    line.show('waiting still')
    expect(screen()).toBe('')
  })

  test('is not there while a question is open', async () => {
    const { line, write, screen } = terminal()
    let seen = ''
    const confirm = async (question: string): Promise<boolean> => {
      line.show('another name goes on meanwhile')
      write(question)
      seen = screen()
      write('\r\n')
      return true
    }
    line.show('asking the CA')
    await askingWithout(line, { confirm } as Prompt).confirm('Do you agree?')
    expect(seen).toBe('Do you agree?')
    line.show('back')
    expect(screen()).toBe('Do you agree?\nback')
  })
})

test.each([
  ['short enough', 40, 'short enough'],
  [
    'www.example.com: 3 names · 1 of 2 servers, missing 127.0.0.3 · 14 s of at most 900',
    60,
    'www.example.com: 3 names · 1 …27.0.0.3 · 14 s of at most 900',
  ],
])('a line keeps its end, where the numbers are: %s', (text, columns, line) => {
  expect(fitted(text, columns)).toBe(line)
  expect(line.length).toBeLessThanOrEqual(columns)
})

test.each([
  [100, 100],
  [undefined, 80],
  [0, 80],
])('a terminal that says %s has %i columns', (columns, width) => {
  expect(widthOf({ columns })).toBe(width)
})

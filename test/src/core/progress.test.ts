import { describe, expect, test } from 'vitest'
import { parseName } from '../../../src/core/names.js'
import { openProgress } from '../../../src/core/progress.js'
import type { Doing } from '../../../src/core/world.js'
import { listeningLog } from '../../contract/provider-contract.js'

const zone = parseName('a.test')

/** A zone's progress with a clock that only `pass` moves. */
function aZone() {
  let nowMs = 0
  let doing: Doing | undefined
  const said: string[] = []
  const log = { ...listeningLog([]), info: (text: string) => void said.push(text) }
  const step = (_: string, now: Doing | undefined): void => {
    doing = now
  }
  const clock = { now: () => new Date(nowMs) } as never
  const progress = openProgress({ clock, log: { ...log, step } }, zone)
  return {
    progress,
    said,
    /** What the terminal shows now. */
    shown: (): string | undefined => (typeof doing === 'function' ? doing() : doing),
    pass: (seconds: number): void => {
      nowMs += seconds * 1000
    },
  }
}

describe('the line on a terminal', () => {
  test('counts the records that are with the provider, and the seconds', () => {
    const { progress, shown, pass } = aZone()
    const [first, second] = [progress.placing('rfc2136'), progress.placing('rfc2136')]
    pass(4)
    expect(shown()).toBe('placing 2 TXT records with rfc2136 · 4 s')
    first()
    expect(shown()).toBe('placing 1 TXT record with rfc2136 · 4 s')
    second()
    expect(shown()).toBeUndefined()
  })

  test('counts names, servers and seconds of at most so many, and says who lacks them', () => {
    const { progress, shown, pass } = aZone()
    const [one, other] = [progress.watching(900), progress.watching(900)]
    expect(shown()).toBe('2 names · asking the name servers · 0 s of at most 900')
    one.news({ servers: 2, missing: ['127.0.0.3'] })
    pass(14)
    expect(shown()).toBe('2 names · 1 of 2 servers, missing 127.0.0.3 · 14 s of at most 900')
    other.news({ servers: 2, missing: ['127.0.0.2', '127.0.0.3'] })
    expect(shown()).toBe('2 names · 0 of 2 servers, missing 127.0.0.3, 127.0.0.2 · 14 s of at most 900')
    one.end(true)
    other.end(false)
    expect(shown()).toBeUndefined()
  })

  test('of many servers that lack it two are named', () => {
    const { progress, shown } = aZone()
    progress.watching(900).news({ servers: 9, missing: ['a', 'b', 'c', 'd'] })
    expect(shown()).toContain('5 of 9 servers, missing a, b, and 2 more ·')
  })
})

describe('the log', () => {
  test('has a line when something changes after the first second, one a minute while nothing does, and one at the end', () => {
    const { progress, said, pass } = aZone()
    const one = progress.watching(900)
    for (let second = 0; second < 130; second++) {
      one.news({ servers: 2, missing: second < 5 ? ['127.0.0.2', '127.0.0.3'] : ['127.0.0.3'] })
      pass(1)
    }
    one.end(true)
    expect(said).toEqual([
      'a.test: 1 name · 0 of 2 servers, missing 127.0.0.2, 127.0.0.3 · 1 s of at most 900',
      'a.test: 1 name · 1 of 2 servers, missing 127.0.0.3 · 5 s of at most 900',
      'a.test: 1 name · 1 of 2 servers, missing 127.0.0.3 · 65 s of at most 900',
      'a.test: 1 name · 1 of 2 servers, missing 127.0.0.3 · 125 s of at most 900',
      'a.test: every name server shows 1 name after 130 s',
    ])
  })

  test('has no such end when it was given up', () => {
    const { progress, said } = aZone()
    progress.watching(900).end(false)
    expect(said).toEqual([])
  })
})

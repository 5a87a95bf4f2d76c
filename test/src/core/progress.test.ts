import { describe, expect, test } from 'vitest'
import { openProgress, type Whose } from '../../../src/core/progress.js'
import type { Step } from '../../../src/core/world.js'
import { listeningLog } from '../../contract/provider-contract.js'

const zone = { subject: 'a.test', told: true, shown: true }
const certificate: Whose = { subject: 'a.test', id: 'file', kind: 'certificate', shown: true }

/** Progress with a clock that only `pass` moves. */
function aProgress(whose: Whose = zone) {
  let nowMs = 0
  let now: Step | undefined
  const said: string[] = []
  const log = { ...listeningLog([]), info: (text: string) => void said.push(text) }
  const step = (one: Step): void => {
    now = one
  }
  const clock = { now: () => new Date(nowMs) } as never
  const progress = openProgress({ clock, log: { ...log, step } }, whose)
  return {
    progress,
    said,
    /** What the terminal shows now. */
    shown: (): string | undefined => now?.stage && `${now.stage}: ${now.detail?.()}`,
    step: () => now,
    pass: (seconds: number): void => {
      nowMs += seconds * 1000
    },
  }
}

describe('the list on a terminal', () => {
  test('counts the records that are with the provider', () => {
    const { progress, shown } = aProgress()
    const [first, second] = [progress.placing('rfc2136'), progress.placing('rfc2136')]
    expect(shown()).toBe('placing records: 2 TXT records with rfc2136')
    first()
    expect(shown()).toBe('placing records: 1 TXT record with rfc2136')
    second()
    expect(shown()).toBeUndefined()
  })

  test('counts names and servers, and says who lacks them', () => {
    const { progress, shown, step } = aProgress()
    const [one, other] = [progress.watching(900), progress.watching(900)]
    expect(shown()).toBe('waiting for the name servers: 2 names, nobody has answered yet')
    expect(step()).toMatchObject({ atMostSeconds: 900 })
    one.news({ servers: 2, missing: ['127.0.0.3'] })
    expect(shown()).toBe('waiting for the name servers: 2 names, 127.0.0.3 (1 of 2 servers show it)')
    other.end(true)
    expect(shown()).toBe('waiting for the name servers: 127.0.0.3 (1 of 2 servers show it)')
    one.end(false)
    expect(shown()).toBeUndefined()
  })

  test('names servers as people do; of many that lack it two', () => {
    const { progress, shown } = aProgress({ ...zone, serverName: address => `ns${address}.test` })
    progress.watching(900).news({ servers: 9, missing: ['1', '2', '3', '4'] })
    expect(shown()).toBe('waiting for the name servers: ns1.test, ns2.test, and 2 more (5 of 9 servers show it)')
  })

  test('of a certificate is not over when its records are visible, as the CA comes next', () => {
    const { progress, step } = aProgress(certificate)
    progress.watching(900).end(true)
    expect(step()).toMatchObject({ id: 'file', kind: 'certificate', stage: 'waiting for the name servers' })
  })
})

describe('the log', () => {
  test('has a line when something changes after the first second, one a minute while nothing does, and one at the end', () => {
    const { progress, said, pass } = aProgress()
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
    const { progress, said } = aProgress()
    progress.watching(900).end(false)
    expect(said).toEqual([])
  })

  test('hears nothing of certificates, whose records go with their zone', () => {
    const { progress, said, pass } = aProgress(certificate)
    const one = progress.watching(900)
    pass(5)
    one.news({ servers: 2, missing: ['127.0.0.2'] })
    one.end(true)
    expect(said).toEqual([])
  })
})

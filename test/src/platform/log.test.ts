import { describe, expect, test } from 'vitest'
import { LEVELS } from '../../../src/core/world.js'
import { type LiveList, openLog, SEVERITIES, type Sink } from '../../../src/platform/log.js'

/** Local time, as acmetool's stamp has it. */
const at = new Date(2026, 0, 2, 3, 4, 5)

function aLog(wishes: Partial<Sink> = {}, withList = false) {
  const lines: string[] = []
  const shown: string[] = []
  const sink: Sink = { severity: 'TRACE', format: 'human', write: line => void lines.push(line), ...wishes }
  const live: LiveList = {
    step: ({ subject, stage, detail }) => void shown.push(`${subject}: ${stage}${detail ? `: ${detail()}` : ''}`),
    clear: () => void shown.push('taken away'),
  }
  const log = openLog({ sinks: [sink], live: withList ? live : undefined, now: () => at })
  return { log, lines, shown }
}

describe('formats', () => {
  test.each<[Sink['format'], [string, ...string[]], string]>([
    ['human', ['disk full'], 'error: disk full'],
    ['human', ['disk full', 'make room'], 'error: disk full\n  make room'],
    ['acmetool', ['disk full'], '20260102030405 [ERROR] dns01: disk full'],
    [
      'json',
      ['a "quote"', 'hint'],
      `{"time":"${at.toISOString()}","level":"error","message":"a \\"quote\\"\\n  hint"}`,
    ],
    ['syslog', ['two', 'lines'], '<3>two | lines'],
  ])('%s: %j', (format, message, line) => {
    const { log, lines } = aLog({ format })
    log.error(...message)
    expect(lines).toEqual([line])
  })

  test('people see the level of what is wrong, and of what is for those who look closer', () => {
    const { log, lines } = aLog()
    for (const level of LEVELS) log[level]('x')
    expect(lines).toEqual(['error: x', 'warn: x', 'x', 'x', 'debug: x', 'trace: x'])
  })

  test('syslog priorities are those of syslog(3)', () => {
    const { log, lines } = aLog({ format: 'syslog' })
    log.error('x')
    log.warn('x')
    log.notice('x')
    log.info('x')
    log.debug('x')
    expect(lines).toEqual(['<3>x', '<4>x', '<5>x', '<6>x', '<7>x'])
  })
})

describe('severity', () => {
  test.each(SEVERITIES.map((severity, i) => [severity, i] as const))('%s', (severity, i) => {
    const { log, lines } = aLog({ severity })
    for (const level of LEVELS) log[level](level)
    expect(lines).toHaveLength(Math.max(0, i - 2))
  })

  test('each sink has its own', () => {
    const [few, all]: [string[], string[]] = [[], []]
    const log = openLog({
      now: () => at,
      sinks: [
        { severity: 'ERROR', format: 'human', write: line => void few.push(line) },
        { severity: 'TRACE', format: 'json', write: line => void all.push(line) },
      ],
    })
    log.warn('careful')
    log.error('broken')
    expect([few, all.length]).toEqual([['error: broken'], 2])
  })
})

describe('text of strangers', () => {
  const evil = 'a\x1b[2J\x07\rb\nerror: forged \u202e\x9b\x7f'

  test.each<Sink['format']>(['human', 'acmetool', 'json', 'syslog'])('is one line without controls in %s', format => {
    const { log, lines } = aLog({ format })
    log.error(evil, evil)
    log.step({ subject: evil, stage: evil, detail: () => evil })
    expect(lines.join('').replace('\n  a', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(lines.join('\n')).not.toMatch(/^error: forged/m)
  })

  test('steers no list', () => {
    const { log, shown } = aLog({}, true)
    log.step({ subject: evil, stage: evil, detail: () => evil })
    expect(shown.join('')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  })

  test('is cut at 2,000 characters, and what was hidden in it stays hidden', () => {
    const { log, lines } = aLog()
    log.mask('s3cr3t-s3cr3t')
    log.notice(`${'x'.repeat(1994)}s3cr3t-s3cr3t${'y'.repeat(3_000_000)}`)
    expect(lines[0]).toBe(`${'x'.repeat(1994)}***yyy… (2999997 more characters)`)
  })
})

describe('mask', () => {
  test.each<Sink['format']>(['human', 'acmetool', 'json', 'syslog'])('hides a secret everywhere, in %s', format => {
    const { log, lines } = aLog({ format })
    log.mask('s3cr3t')
    log.warn('s3cr3t and s3cr3t')
    log.step({ subject: 'host s3cr3t', stage: 'asking with s3cr3t' })
    expect(lines).toHaveLength(2)
    expect(lines.join()).not.toContain('s3cr3t')
    expect(lines.join()).toContain('*** and ***')
  })

  test('in the list, too', () => {
    const { log, shown } = aLog({}, true)
    log.mask('s3cr3t')
    log.step({ subject: 'host', stage: 's3cr3t', detail: () => 's3cr3t' })
    expect(shown.join()).not.toContain('s3cr3t')
  })
})

describe('steps', () => {
  test('on a terminal go to the list, and are no lines', () => {
    const { log, shown, lines } = aLog({}, true)
    log.step({ subject: 'a', stage: 'asking' })
    log.step({ subject: 'a', stage: 'placing', detail: () => '2 records' })
    expect(shown).toEqual(['a: asking', 'a: placing: 2 records'])
    expect(lines).toEqual([])
  })

  test('a message takes the list away first', () => {
    const { log, shown, lines } = aLog({}, true)
    log.notice('hello')
    expect(shown).toEqual(['taken away'])
    expect(lines).toEqual(['hello'])
  })

  test('a message that nobody hears leaves the list alone', () => {
    const { log, shown } = aLog({ severity: 'ERROR' }, true)
    log.debug('detail')
    expect(shown).toEqual([])
  })

  test('where there is no terminal a pause makes no line in the log', () => {
    const { log, lines } = aLog()
    log.step({ subject: 'newOrder', stage: 'no answer', detail: () => 'again in 8 s', kind: 'pause' })
    expect(lines).toEqual([])
  })

  test('elsewhere: a line for each new stage, under the name that was heard first', () => {
    const { log, lines } = aLog({ severity: 'INFO', format: 'acmetool' })
    log.step({ id: 'file', subject: 'a.example +1', stage: 'asking' })
    log.step({ id: 'file', subject: 'a.example', stage: 'placing', detail: () => '1 record' })
    log.step({ id: 'file', subject: 'a.example', stage: 'placing', detail: () => '2 records' })
    log.step({ id: 'other', subject: 'a.example', stage: 'placing' })
    log.step({ id: 'file', subject: 'a.example +1', result: 'issued' })
    log.step({ id: 'file', subject: 'a.example +1', stage: 'asking' })
    expect(lines).toEqual([
      '20260102030405 [INFO] dns01: a.example +1: asking',
      '20260102030405 [INFO] dns01: a.example +1: placing · 1 record',
      '20260102030405 [INFO] dns01: a.example: placing',
      '20260102030405 [INFO] dns01: a.example +1: asking',
    ])
  })

  test('are silent where nobody asked for more', () => {
    const { log, lines } = aLog({ severity: 'NOTICE' })
    log.step({ subject: 'a', stage: 'asking' })
    expect(lines).toEqual([])
  })
})

import { describe, expect, test } from 'vitest'
import { LEVELS } from '../../../src/core/world.js'
import { openLog, SEVERITIES, type Sink } from '../../../src/platform/log.js'

/** Local time, as acmetool's stamp has it. */
const at = new Date(2026, 0, 2, 3, 4, 5)

function aLog(wishes: Partial<Sink> = {}, withStatus = false) {
  const lines: string[] = []
  const shown: string[] = []
  const sink: Sink = { severity: 'TRACE', format: 'human', write: line => void lines.push(line), ...wishes }
  const ticking: (() => void)[] = []
  const status = {
    show: (text: string) => void shown.push(text),
    clear: () => void shown.push(''),
    eachSecond: (act: () => void) => {
      ticking.push(act)
      return () => void ticking.splice(ticking.indexOf(act), 1)
    },
  }
  const aSecondPasses = (): void => {
    for (const act of [...ticking]) act()
  }
  const log = openLog({ sinks: [sink], status: withStatus ? status : undefined, now: () => at })
  return { log, lines, shown, aSecondPasses }
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
    log.step(evil, evil)
    expect(lines.join('').replace('\n  a', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
    expect(lines.join('\n')).not.toMatch(/^error: forged/m)
  })

  test('steers no progress line', () => {
    const { log, shown } = aLog({}, true)
    log.step(evil, evil)
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
    log.step('host s3cr3t', 'asking with s3cr3t')
    expect(lines).toHaveLength(2)
    expect(lines.join()).not.toContain('s3cr3t')
    expect(lines.join()).toContain('*** and ***')
  })

  test('the progress line, too', () => {
    const { log, shown } = aLog({}, true)
    log.mask('s3cr3t')
    log.step('host', 's3cr3t')
    expect(shown.join()).not.toContain('s3cr3t')
  })
})

describe('steps', () => {
  test('on a terminal: the latest one, how many more, and nothing when all are done', () => {
    const { log, shown, lines } = aLog({}, true)
    log.step('a', 'asking')
    log.step('b', 'waiting')
    log.step('a', 'placing')
    log.step('a', undefined)
    log.step('b', undefined)
    expect(shown).toEqual(['a: asking', 'b: waiting (and 1 more)', 'a: placing (and 1 more)', 'b: waiting', ''])
    expect(lines).toEqual([])
  })

  test('a message goes above the progress line', () => {
    const { log, shown, lines } = aLog({}, true)
    log.step('a', 'asking')
    log.notice('hello')
    expect(shown).toEqual(['a: asking', '', 'a: asking'])
    expect(lines).toEqual(['hello'])
  })

  test('a message that nobody hears leaves the progress line alone', () => {
    const { log, shown } = aLog({ severity: 'ERROR' }, true)
    log.step('a', 'asking')
    log.debug('detail')
    expect(shown).toEqual(['a: asking'])
  })

  test('what counts seconds is told anew each second, and by nobody once it is done', () => {
    const { log, shown, aSecondPasses } = aLog({}, true)
    let seconds = 0
    log.step('a', () => `${seconds} s`)
    for (; seconds < 2; aSecondPasses()) seconds++
    log.step('a', undefined)
    aSecondPasses()
    expect(shown).toEqual(['a: 0 s', 'a: 1 s', 'a: 2 s', ''])
  })

  test('a pause lies over the step that it belongs to, and is not counted', () => {
    const { log, shown } = aLog({}, true)
    log.step('a', 'asking')
    log.step('newOrder', 'the CA is busy; again in 8 s', 'pause')
    log.step('b', 'asking')
    log.step('newOrder', undefined)
    expect(shown).toEqual([
      'a: asking',
      'the CA is busy; again in 8 s',
      'b: asking (and 1 more)',
      'b: asking (and 1 more)',
    ])
  })

  test('where there is no terminal a pause makes no line in the log', () => {
    const { log, lines } = aLog()
    log.step('newOrder', 'no answer; again in 8 s', 'pause')
    expect(lines).toEqual([])
  })

  test('elsewhere: a line of the log, for those who asked for detail', () => {
    const { log, lines } = aLog()
    log.step('a', 'asking')
    log.step('a', undefined)
    expect(lines).toEqual(['debug: a: asking'])
  })
})

import { chmodSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Log } from '../../../src/core/world.js'
import { openLog } from '../../../src/platform/log.js'
import { type SinkFlags, sinksFor } from '../../../src/platform/log-sinks.js'
import { newFolder } from '../../folder.js'

const folder = newFolder('sinks')
const file = join(folder, 'log')
const realPath = process.env.PATH
afterEach(() => {
  process.env.PATH = realPath
  rmSync(file, { force: true })
})

const flags: SinkFlags = {
  severity: 'INFO',
  json: false,
  stderr: true,
  stderrSeverity: 'TRACE',
  file: undefined,
  fileSeverity: 'TRACE',
  syslog: false,
  syslogSeverity: 'TRACE',
  facility: 'daemon',
}

function logOf(more: Partial<SinkFlags>, format: 'human' | 'syslog' = 'human'): { log: Log; stderr: string[] } {
  const stderr: string[] = []
  const sinks = sinksFor({ ...flags, ...more }, { format, write: line => void stderr.push(line) })
  return { log: openLog({ sinks, now: () => new Date('2026-01-02T03:04:05') }), stderr }
}

/** A logger(1) in PATH that writes down how it was called. */
function fakeLogger(script: string): void {
  writeFileSync(join(folder, 'logger'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(folder, 'logger'), 0o755)
  process.env.PATH = `${folder}:${realPath}`
}

describe('the log goes', () => {
  test('into a file, in lines of acmetool, each sink with its own severity, none beyond the overall one', () => {
    const { log, stderr } = logOf({ file, stderrSeverity: 'WARN' })
    log.warn('careful')
    log.info('by the way')
    log.debug('hidden from all')
    expect(readFileSync(file, 'utf8')).toBe(
      '20260102030405 [WARN] dns01: careful\n20260102030405 [INFO] dns01: by the way\n',
    )
    expect(stderr).toEqual(['warn: careful'])
  })

  test('to the end of a file that is there', () => {
    writeFileSync(file, 'before\n')
    logOf({ file }).log.error('now')
    expect(readFileSync(file, 'utf8')).toMatch(/^before\n.*now\n$/)
  })

  test('nowhere when neither standard error nor a file is wanted', () => {
    const { log, stderr } = logOf({ stderr: false })
    log.error('anything')
    expect(stderr).toEqual([])
  })

  test('nowhere, if the file cannot be written: that is an error at once', () => {
    expect(() => logOf({ file: join(folder, 'no/such') })).toThrow(/--xlog.file: .*no\/such cannot be written/)
  })

  test('to syslog by logger(1), with facility and severity', () => {
    fakeLogger(`{ echo "$@"; cat; } >> '${file}'`)
    const { log } = logOf({ syslog: true, facility: 'local0', severity: 'TRACE' })
    log.error('bad', 'hint')
    log.trace('chatter')
    expect(readFileSync(file, 'utf8')).toBe(
      '--tag dns01 --priority local0.err\nbad | hint\n--tag dns01 --priority local0.debug\nchatter\n',
    )
  })

  test('to syslog once only, when standard error is the journal already', () => {
    fakeLogger(`touch '${file}'`)
    const { log, stderr } = logOf({ syslog: true }, 'syslog')
    log.notice('hello')
    expect(stderr).toEqual(['<5>hello'])
    expect(() => readFileSync(file)).toThrow('ENOENT')
  })

  test('on without logger(1), with one warning', () => {
    fakeLogger('exit 3')
    const { log, stderr } = logOf({ syslog: true, stderrSeverity: 'ERROR' })
    log.notice('one')
    log.notice('two')
    expect(stderr).toEqual(['warn: logger(1) does not take our lines for syslog: exit 3'])
  })
})

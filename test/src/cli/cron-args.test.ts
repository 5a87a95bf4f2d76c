import { describe, expect, test } from 'vitest'
import { parseCronLine } from '../../../src/cli/cron-args.js'
import { type Invocation, parseCommandLine } from '../../../src/cli/parse.js'
import { codeOf } from '../../../src/core/errors.js'

const words = (line: string): string[] => line.split(' ').filter(Boolean)

describe('is parsed as yargs does it', () => {
  test.each([
    '',
    'reconcile',
    '--batch reconcile',
    'reconcile --batch --json -q',
    '-vv --state /s --hooks /a --hooks=/b --lock-wait 5 --parallel=3',
    '-v --verbose reconcile --quiet --stdio',
    '--env-file /e --response-file r --xlog.severity debug --xlog.stderr --xlog.file=l --xlog.facility cron reconcile',
    '--batch reconcile --metrics /m/dns01.prom',
    '--xlog.syslog --xlog.syslogseverity 3 --xlog.fileseverity info --xlog.stderrseverity error',
  ])('%s', async line => {
    const quick = parseCronLine(words(line))
    const { command, args, flags } = (await parseCommandLine(words(line))) as Invocation
    expect(quick).toMatchObject({ command, flags })
    expect({ targets: [], force: undefined, metrics: undefined, ...quick?.args }).toMatchObject({
      targets: args.targets ?? [],
      force: args.force,
      metrics: args.metrics,
    })
  })

  test.each(['--batch --batch', '--lock-wait x', '--xlog.severity loud reconcile', '--state= reconcile'])(
    'refused by both: %s',
    async line => {
      const theirs = await parseCommandLine(words(line)).catch(codeOf)
      expect(theirs).toBe('USAGE')
      expect(() => parseCronLine(words(line))).toThrow(expect.objectContaining({ code: 'USAGE' }))
    },
  )
})

test.each([
  ...[
    'want a.test',
    'reconcile a.test',
    'reconcile --force a.test',
    '--force',
    'status',
    'reconcil',
    'help',
    'version',
  ],
  ...['--help', '-h reconcile', '--bach', '--no-batch', '--no-xlog.stderr reconcile', '-- reconcile', '--batch=false'],
  ...[
    '--batch true',
    '--state',
    '--state --batch',
    '--service.uid acme',
    '--xlog.journal',
    '--verbose=2',
    'reconcile -x',
  ],
])('is left to the other parser: %s', line => {
  expect(parseCronLine(words(line))).toBeUndefined()
})

import { expect, test } from 'vitest'
import { Dns01Error } from '../../../src/core/errors.js'
import { metricsText, writeMetrics } from '../../../src/notify/metrics.js'
import type { TargetStatus } from '../../../src/renew/status.js'
import { MemoryFiles } from '../../fakes/memory-files.js'

const ended = new Date('2026-06-01T12:00:00Z')
const memory = {
  failures: new Map(),
  validations: new Map(),
  orders: new Map([['acme-v02.api.letsencrypt.org%2fdirectory', [new Date('2026-06-01T11:00:00Z')]]]),
}
const target = (file: string, more: Partial<TargetStatus>): TargetStatus => ({
  ...{ file, names: [file as never], ca: 'https://acme-v02.api.letsencrypt.org/directory', urgency: 'ok' },
  ...{ missing: [], recordsEnd: [], unlinked: [], ...more },
})
const textOf = (targets: readonly TargetStatus[], errors: readonly unknown[] = []) =>
  metricsText({
    run: { began: new Date('2026-06-01T11:59:58.5Z'), ended, errors, lastSuccess: new Date('2026-06-01T06:00:00Z') },
    document: { targets, problems: [] },
    ...{ stateDirectory: '/var/lib/acme', memory, env: {} },
  })

test('of a run that was well and of one that was not', () => {
  const good = target('a.example', {
    notAfter: new Date('2026-08-30T12:00:00Z'),
    renewAt: new Date('2026-07-31T12:00:00Z'),
  })
  const bad = target('b.example', {
    failure: { code: 'REFUSED', message: '', since: ended, last: ended, times: 3, nextTry: ended },
  })
  const values = textOf([good, bad])
    .split('\n')
    .filter(line => !line.startsWith('#'))
  expect(values.map(line => line.replace(/,?state="\/var\/lib\/acme"/, ''))).toEqual([
    'dns01_certificate_expiry_timestamp_seconds{name="a.example",target="a.example"} 1788091200',
    'dns01_certificate_renewal_timestamp_seconds{name="a.example",target="a.example"} 1785499200',
    'dns01_certificate_valid{name="a.example",target="a.example"} 1',
    'dns01_certificate_valid{name="b.example",target="b.example"} 0',
    'dns01_certificate_failures{name="a.example",target="a.example"} 0',
    'dns01_certificate_failures{name="b.example",target="b.example"} 3',
    'dns01_last_run_timestamp_seconds{} 1780315200',
    'dns01_last_run_duration_seconds{} 1.5',
    'dns01_last_run_exit_status{} 0',
    'dns01_last_success_timestamp_seconds{} 1780315200',
    'dns01_problems{} 0',
    'dns01_ca_orders_limit{ca="https://acme-v02.api.letsencrypt.org/directory"} 300',
    'dns01_ca_orders_left{ca="https://acme-v02.api.letsencrypt.org/directory"} 299',
    '',
  ])
  const failed = textOf([], [new Dns01Error('UNAVAILABLE', 'no')])
  expect(failed).toMatch(/^dns01_last_run_exit_status\{.*\} 7$/m)
  expect(failed).toMatch(/^dns01_last_success_timestamp_seconds\{.*\} 1780293600$/m)
})

test('the name of a file is no more than a label', () => {
  expect(textOf([target('a"} 1\n\\', {})])).toContain(
    '{name="a\\"} 1\\n\\\\",target="a\\"} 1\\n\\\\",state="/var/lib/acme"} 0\n',
  )
})

test('are replaced whole, for all to read; what a killed run left is swept; a disk that fails leaves the old file', async () => {
  const files = new MemoryFiles()
  await files.makeFolder('/m', 0o755)
  await files.writeNew('/m/dns01.prom.dns01', Buffer.from('half'), 0o600)
  await writeMetrics({ files }, '/m/dns01.prom', 'one\n')
  await writeMetrics({ files }, '/m/dns01.prom', 'two\n')
  expect([files.info('/m/dns01.prom')?.mode, Buffer.from(files.read('/m/dns01.prom')).toString()]).toEqual([
    0o644,
    'two\n',
  ])
  files.options = { fail: () => 'ENOSPC' }
  await expect(writeMetrics({ files }, '/m/dns01.prom', 'three\n')).rejects.toMatchObject({ code: 'ENOSPC' })
  files.options = {}
  expect(Buffer.from(files.read('/m/dns01.prom')).toString()).toBe('two\n')
})

// What Prometheus is told: a file for the textfile collector of node_exporter, written anew by each run. It says instants
// and not days left, so that it stays true between two runs, and when runs no longer come.
import { resolve } from 'node:path'
import { exitStatus } from '../core/errors.js'
import type { World } from '../core/world.js'
import { limitsOf, ordersLeft } from '../limits/rate-limits.js'
import type { StatusDocument, TargetStatus } from '../renew/status.js'
import type { Memory } from '../state/ledger.js'
import { caKey } from '../state/ledger-keys.js'

/** The run that writes it. */
interface RunFacts {
  readonly began: Date
  readonly ended: Date
  readonly errors: readonly unknown[]
  /** Of an earlier run; undefined: none is known. */
  readonly lastSuccess: Date | undefined
}

interface Parts {
  readonly run: RunFacts
  readonly stateDirectory: string
  readonly document: Pick<StatusDocument, 'targets' | 'problems'>
  readonly memory: Memory
  readonly env: World['env']
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [labels: Labels, value: number | undefined]

/**
 * The text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats). Every line has the state directory, as a machine with
 * two of them has two files, whose lines must not be the same.
 */
export function metricsText({ run, stateDirectory, document, memory, env }: Parts): string {
  const lines: string[] = []
  const gauge = (name: string, help: string, samples: readonly Sample[]): void => {
    const known = samples.filter(([, value]) => value !== undefined)
    if (known.length === 0) return
    lines.push(`# HELP dns01_${name} ${help}`, `# TYPE dns01_${name} gauge`)
    for (const [labels, value] of known)
      lines.push(`dns01_${name}{${labelText({ ...labels, state: stateDirectory })}} ${value}`)
  }
  const each = (value: (target: TargetStatus) => number | undefined): Sample[] =>
    targets.map(target => [{ name: target.names[0] ?? '', target: target.file }, value(target)])
  const { targets, problems } = document
  const { began, ended, errors } = run
  const status = exitStatus(errors)
  const isValid = ({ notAfter }: TargetStatus): boolean => notAfter !== undefined && notAfter > ended

  gauge(
    'certificate_expiry_timestamp_seconds',
    'End of the certificate in use.',
    each(one => seconds(one.notAfter)),
  )
  gauge(
    'certificate_renewal_timestamp_seconds',
    'From when on it is renewed.',
    each(one => seconds(one.renewAt)),
  )
  gauge(
    'certificate_valid',
    '1: there is one that has not ended. 0: there is none.',
    each(one => Number(isValid(one))),
  )
  gauge(
    'certificate_failures',
    'Tries that failed since the last success.',
    each(one => one.failure?.times ?? 0),
  )
  gauge('last_run_timestamp_seconds', 'End of the last run.', [[{}, seconds(ended)]])
  gauge('last_run_duration_seconds', 'What it took.', [[{}, (ended.getTime() - began.getTime()) / 1000]])
  gauge('last_run_exit_status', 'Its exit status; 0: all is well.', [[{}, status]])
  gauge('last_success_timestamp_seconds', 'End of the last run with exit status 0.', [
    [{}, seconds(status === 0 ? ended : run.lastSuccess)],
  ])
  gauge('problems', 'Target files that are wrong, and other trouble that dns01 status tells.', [[{}, problems.length]])
  const cas = [...new Map(targets.map(({ ca }) => [caKey(ca), ca])).values()]
  const limits = cas
    .map(ca => ({ ca, limit: limitsOf(ca, env) }))
    .filter(({ limit }) => limit.ordersPer3Hours !== undefined)
  gauge(
    'ca_orders_limit',
    'New orders that the CA takes in three hours.',
    limits.map(({ ca, limit }) => [{ ca }, limit.ordersPer3Hours]),
  )
  gauge(
    'ca_orders_left',
    'Of these, what is left now.',
    limits.map(({ ca, limit }) => [{ ca }, ordersLeft(memory, limit, ca, ended).count]),
  )
  return `${lines.join('\n')}\n`
}

const seconds = (at: Date | undefined): number | undefined => at && Math.floor(at.getTime() / 1000)

const labelText = (labels: Labels): string =>
  Object.entries(labels)
    .map(
      ([name, value]) => `${name}="${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')}"`,
    )
    .join(',')

/** For all to read: whoever collects it is another user. */
const fileMode = 0o644

/** Whole or not at all, so that no half file is collected. The collector reads `*.prom`, and so not what stands aside meanwhile. */
export async function writeMetrics({ files }: Pick<World, 'files'>, file: string, text: string): Promise<void> {
  const path = resolve(file)
  const aside = `${path}.dns01`
  if (files.info(aside)) await files.remove(aside) // a run was killed
  try {
    await files.writeNew(aside, new TextEncoder().encode(text), fileMode)
    await files.rename(aside, path)
  } catch (error) {
    await files.remove(aside).catch(() => {})
    throw error
  }
}

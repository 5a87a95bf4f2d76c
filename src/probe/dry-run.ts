/**
 * `want --dry-run`: what would be wanted, what the next run would do about it, and a probe of the names. Nothing is written but
 * the probe's own trial value, which is removed again.
 */

import { parseTarget } from '../config/target-file.js'
import type { Name } from '../core/names.js'
import type { Target } from '../core/target.js'
import { admit, circumstances, deferralText } from '../limits/admission.js'
import type { Asked } from '../manage/asked.js'
import { wantedTarget } from '../manage/desired.js'
import { defaultProvider } from '../provider/default.js'
import { openDnsContext } from '../provider/dns-context.js'
import { hookFolders } from '../provider/hook-scripts.js'
import { plan } from '../renew/plan.js'
import { type Context, dnsConfig } from '../renew/run.js'
import type { StateDir } from '../state/state-dir.js'
import type { ProbeDocument } from './finding.js'
import { probe } from './probe.js'
import { probeErrors, probeLines } from './report.js'

export interface DryRun {
  /** Of desired/: what would be written, or is there and has the names. */
  readonly targets: readonly { readonly file: string; readonly text: string | undefined }[]
  /** In words: what the next run would do. */
  readonly would: readonly string[]
  readonly probe: ProbeDocument
}

/** @throws Dns01Error USAGE as `want` would */
export async function dryRun(
  context: Context,
  state: StateDir,
  names: readonly Name[],
  asked: Asked,
): Promise<{ readonly document: DryRun; readonly errors: readonly unknown[] }> {
  const { world, signal, stateRoot, commandLine } = context
  const { there, file, text } = wantedTarget(world, state, names, asked)
  const config = await dnsConfig(context, state)
  const wanted = there.length > 0 ? there : [parseTarget({ file, text, defaults: state.defaults() }).target]
  const { providers, resolver } = openDnsContext(world, config, () => defaultProvider(world, hookFolders(world.env)))
  const parts = { world, config, providers, resolver, stateRoot, commandLine, signal }
  const [{ ca, dns, env }] = wanted as [Target]
  const probed = await probe(
    parts,
    names.map(name => ({ name, ca, dns, env })),
  ).finally(() => providers.close())
  const document: DryRun = {
    targets: there.length > 0 ? there.map(target => ({ file: target.file, text: undefined })) : [{ file, text }],
    would: actionsFor(context, state, wanted),
    probe: probed,
  }
  return { document, errors: probeErrors(probed) }
}

/** By the functions of a run. */
function actionsFor({ world }: Context, state: StateDir, wanted: readonly Target[]): string[] {
  const files = wanted.map(({ file }) => file)
  const others = state.targets().targets.filter(({ file }) => !files.includes(file))
  const targets = [...others, ...wanted]
  const held = { targets, certificates: state.certificates(), links: state.links() }
  const { issue } = plan(held, { now: world.clock.now(), onlyFiles: files })
  const { admitted, deferred, afterwards } = admit(issue, state.ledger(), circumstances(world, targets.length))
  const said = [
    ...[...admitted, ...afterwards].map(
      ({ target, why }) => `get a certificate for ${target.names.join(', ')} from ${target.ca}: ${why}`,
    ),
    ...deferred.map(one => `wait: ${deferralText(one)}`),
  ]
  return said.length > 0 ? said : ['get nothing: a certificate that is there will do']
}

export function dryRunLines({ targets, would, probe: probed }: DryRun): string[] {
  const files = targets.flatMap(({ file, text }) =>
    text === undefined
      ? [`desired/${file} asks for these names already`]
      : [
          `would write desired/${file}:`,
          ...text
            .trimEnd()
            .split('\n')
            .map(line => `  ${line}`),
        ],
  )
  return [...files, ...would.map(text => `would ${text}`), '', ...probeLines(probed)]
}

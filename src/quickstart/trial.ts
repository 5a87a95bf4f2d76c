/** Whether the chosen provider can do what it is asked to, tried with one harmless value, as `dns01 probe` does. */

import type { DnsConfig } from '../config/dns-config.js'
import { parseName } from '../core/names.js'
import type { World } from '../core/world.js'
import type { Finding } from '../probe/finding.js'
import { probe } from '../probe/probe.js'
import { openDnsContext } from '../provider/dns-context.js'
import type { Context } from '../renew/run.js'
import { type Answers, untilGood } from './answers.js'
import { ID } from './ids.js'

/**
 * What went wrong, in lines; none when it worked, or nobody names a host to try it with.
 * @param world with the variables that were just given
 */
export async function tryProvider(
  { stateRoot, commandLine, signal }: Context,
  world: World,
  { config, ca, answers }: { readonly config: DnsConfig; readonly ca: string; readonly answers: Answers },
): Promise<string[]> {
  const ask = () => answers.text(ID.trial, 'A host of yours to try it with, as www.example.com (empty: not now):')
  const name = await untilGood(answers, ask, said => (said === undefined ? undefined : parseName(said)))
  if (name === undefined) return []
  const { providers, resolver } = openDnsContext(world, config, () => undefined)
  const parts = { world, config, providers, resolver, stateRoot, commandLine, signal }
  const document = await probe(parts, [{ name, ca, dns: { settings: {} }, env: {} }]).finally(() => providers.close())
  const findings = document.names.flatMap(each => each.findings)
  for (const { check, state, text } of findings) if (check === 'rights' && state === 'ok') answers.note(text)
  return findings.filter(({ state }) => state === 'failed').flatMap(lines)
}

const lines = ({ text, mend }: Finding): string[] => [text, ...(mend === undefined ? [] : [`  ${mend}`])]

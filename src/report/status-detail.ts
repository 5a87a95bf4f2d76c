/** All that is known of some names, for `dns01 status NAME`. */

import { minute } from '../core/dates.js'
import { type Line, type Span, styled } from '../core/styled.js'
import type { StatusDocument, TargetStatus } from '../renew/status.js'
import { caOf, servedText, timeLeft, troubleTexts } from '../renew/status-text.js'
import { stateOf } from '../renew/urgency.js'
import { daysBar } from './days-bar.js'
import { type Reader, STYLES } from './status-table.js'

/** All that is known of some targets, a paragraph each. */
export function detailLines(document: StatusDocument, now: Date, reader: DetailReader = {}): Line[] {
  return document.targets.flatMap((target, i) => [...(i > 0 ? [''] : []), ...details(document, target, now, reader)])
}

/** Who reads it: a bar of the days left is for terminals. */
export type DetailReader = Partial<Pick<Reader, 'columns' | 'isUnicode'>>

const barCells = 20

/** Whole paths, to be copied into a web server's configuration. What is not known has no line. */
function details({ stateDirectory }: StatusDocument, target: TargetStatus, now: Date, reader: DetailReader): Line[] {
  const { notBefore, notAfter, renewAt, renewBecause, renewalInfo, live, certificate, csr } = target
  const valid =
    notBefore && notAfter && `${minute(notBefore)} until ${minute(notAfter)} (${timeLeft(notAfter, now)} left)`
  const { text, urgency } = stateOf(target, now)
  const bar = reader.columns === undefined ? [] : ['  ', ...daysBar(target, now, barCells, reader.isUnicode ?? true)]
  const facts: readonly (readonly [string, string | readonly Span[] | undefined])[] = [
    ['state', [styled(text, STYLES[urgency])]],
    ['valid', valid && [valid, ...bar]],
    ['renewed', renewAt && `from ${minute(renewAt)}: ${renewBecause}`],
    ['the CA says', renewalInfo?.explanationUrl],
    ['issuer', target.issuer],
    ['key type', target.keyType],
    ['certificate', live && `${stateDirectory}/${live}/fullchain`],
    ['key', live && (csr === undefined ? `${stateDirectory}/${live}/privkey` : 'with whoever made the request')],
    ['request', csr],
    ['stored in', certificate && `${stateDirectory}/certs/${certificate}`],
    ['target', `${stateDirectory}/desired/${target.file}`],
    ['CA', caOf(target)],
    ['profile', target.profile && `${target.profile.name} (${target.profile.required ? 'required' : 'preferred'})`],
    ...(target.served ?? [])
      .filter(({ state }) => state !== 'failed')
      .map(one => ['served', servedText(one, true)] as const),
    ...troubleTexts(target, true).map(text => ['trouble', text] as const),
  ]
  const told = facts.flatMap(([what, said]) => (said ? [[`  ${what.padEnd(11)}  `, ...[said].flat()]] : []))
  return [[styled(target.names.join(', '), 'strong')], ...told]
}

/**
 * Probe's findings as lines for people, and as errors for the exit status. Warnings do not change the exit status: certificates
 * can be had in spite of them.
 */

import { Dns01Error } from '../core/errors.js'
import type { Finding, ProbeDocument } from './finding.js'
import type { ServedDocument } from './served.js'

/** What is to be done stands out by its capitals, where there may be no colours. */
const WORDS: Readonly<Record<Finding['state'], string>> = {
  ok: 'ok',
  warning: 'WARNING',
  failed: 'FAILED',
  skipped: 'skipped',
}

/** The report that people read: a heading for each CA and name, a line for each finding, and what to do. */
export function probeLines(document: ProbeDocument): string[] {
  return [
    ...document.authorities.flatMap(({ ca, findings }) => [ca, ...findings.flatMap(findingLines), '']),
    ...document.names.flatMap(({ name, findings }) => [name, ...findings.flatMap(findingLines), '']),
    summary(all(document)),
  ]
}

/** What all findings have, whatever was looked at. */
type Told = Pick<Finding, 'state' | 'text' | 'mend'> & { readonly check: string }

/** In columns, with what to do on a line of its own: both are long. */
function findingLines({ check, state, text, mend }: Told): string[] {
  const line = `  ${WORDS[state].padEnd(8)} ${check.padEnd(11)} ${text}`
  return mend === undefined ? [line] : [line, `  ${''.padEnd(8)} ${''.padEnd(11)} → ${mend}`]
}

function summary(findings: readonly Told[]): string {
  const count = (state: Finding['state']): number => findings.filter(finding => finding.state === state).length
  const said = [`${count('failed')} failed`, `${count('warning')} warning(s)`].filter(text => !text.startsWith('0'))
  return said.length === 0 ? 'All is well.' : said.join(', ')
}

/** The same of what is served: a heading for each place, and the name that was asked for there. */
export function servedLines({ places }: ServedDocument): string[] {
  return [
    ...places.flatMap(({ place, name, findings }) => [
      name === undefined || place.includes(name) ? place : `${place}, asked for ${name}`,
      ...findings.flatMap(findingLines),
      '',
    ]),
    summary(places.flatMap(({ findings }) => findings)),
  ]
}

/**
 * What cannot be reached may be so tomorrow; all else is as a hook that failed: certificates are live, and somebody does
 * not see them.
 */
export const servedErrors = ({ places }: ServedDocument): Dns01Error[] =>
  places.flatMap(({ findings }) =>
    findings.flatMap(({ check, state, text, mend }) =>
      state === 'failed' ? [new Dns01Error(check === 'reached' ? 'UNAVAILABLE' : 'HOOK', text, { hint: mend })] : [],
    ),
  )

/** For the exit status: one error for each thing that failed. */
export const probeErrors = (document: ProbeDocument): Dns01Error[] =>
  all(document).flatMap(({ state, code, text, mend }) =>
    state === 'failed' ? [new Dns01Error(code ?? 'REFUSED', text, { hint: mend })] : [],
  )

const all = ({ authorities, names }: ProbeDocument): Finding[] =>
  [...authorities, ...names].flatMap(one => one.findings)

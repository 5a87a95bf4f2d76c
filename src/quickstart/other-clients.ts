/**
 * Other ACME clients that renew here: their lines in crontabs, scripts of cron and timers are found, so that whoever moves to
 * dns01 is told what goes on beside it, and how it is stopped. Nothing of it is touched.
 */

import { basename } from 'node:path'
import type { World } from '../core/world.js'
import { cronLines } from './crontab.js'
import { CRON_NAME, crontabs, userName } from './found.js'
import { isThere, namesIn, readText } from './outside.js'
import { simpleCommands } from './shell-words.js'
import { enabledTimers } from './timers.js'

type Looking = Parameters<typeof crontabs>[0]

/** A client that is started again and again. */
export interface OtherClient {
  readonly client: Client
  /** `line 3 of /etc/crontab`, `certbot.timer`. */
  readonly where: string
  /** What stops it, for a person to do. */
  readonly stop: string
}

type Client = 'certbot' | 'acme.sh' | 'lego' | 'dehydrated' | 'uacme'

/** The programs of each, and the words that make them renew: their manuals. A snap is started as certbot.renew. */
const CLIENTS: readonly { client: Client; program: RegExp; renews: RegExp | undefined }[] = [
  { client: 'certbot', program: /^(certbot|certbot-auto|letsencrypt)$/, renews: /^renew$/ },
  { client: 'certbot', program: /^certbot\.renew$/, renews: undefined },
  { client: 'acme.sh', program: /^acme\.sh$/, renews: /^--(cron|renew-all|renewAll|renew)$/ },
  { client: 'lego', program: /^lego$/, renews: /^renew$/ },
  { client: 'dehydrated', program: /^dehydrated$/, renews: /^(-c|--cron)$/ },
  { client: 'uacme', program: /^uacme$/, renews: /^issue$/ },
]

/** Of one command: its words say a program and, after it, that it renews. What only prints or searches for them does not count. */
function clientOf(words: readonly string[]): Client | undefined {
  if (/^(echo|printf|grep|logger|test|\[)$/.test(basename(words[0] ?? ''))) return undefined
  const inShell = words.findIndex(
    (word, at) => at > 0 && /^-[a-z]*c$/.test(word) && /^(ba|da|a|k|z)?sh$/.test(basename(words[at - 1] ?? '')),
  )
  if (inShell > 0) return clientsIn(words[inShell + 1] ?? '')[0]
  return CLIENTS.find(({ program, renews }) => {
    const at = words.findIndex(word => program.test(basename(word)))
    return at >= 0 && (renews === undefined || words.slice(at + 1).some(word => renews.test(word)))
  })?.client
}

/** The clients that a line, or a script, for sh starts to renew. */
export const clientsIn = (text: string): Client[] => simpleCommands(text).flatMap(words => clientOf(words) ?? [])

/** Where people and packages put such calls. As root those of all users, else one's own. */
export async function otherClients(world: Looking): Promise<OtherClient[]> {
  return [...(await inCrontabs(world)), ...inScripts(world), ...inTimers(world)]
}

async function inCrontabs(world: Looking): Promise<OtherClient[]> {
  const own = userName(world)
  const system = isThere(world.files, '/run/systemd/system') // sd_booted(3)
  return [...(await crontabs(world)), ...spooled(world, own)].flatMap(({ by, path, lines }) =>
    lines.flatMap(({ command, line }) => {
      // Debian's certbot: nothing where systemd has its timer
      if (system && /!\s+-d\s+\/run\/systemd\/system/.test(command)) return []
      const where = `line ${line + 1} of ${by}`
      const edit = path ? `take out ${where}` : `crontab -e, and take out ${where}`
      return clientsIn(command).map(client => ({
        client,
        where,
        stop: client === 'acme.sh' && path === undefined ? 'acme.sh --uninstall-cronjob' : edit,
      }))
    }),
  )
}

/** Where cron keeps what crontab(1) takes, on Debian, and on Red Hat and SUSE; only root may look. */
const SPOOLS = ['/var/spool/cron/crontabs', '/var/spool/cron', '/var/spool/cron/tabs']

/** Those of the others: its own each user reads by crontab(1). */
const spooled = ({ files, self }: Looking, own: string) =>
  self.uid !== 0
    ? []
    : SPOOLS.flatMap(folder =>
        namesIn(files, folder)
          .filter(name => name !== own && files.info(`${folder}/${name}`)?.kind === 'file')
          .map(name => ({
            by: `${folder}/${name}`,
            path: undefined,
            lines: cronLines(readText(files, `${folder}/${name}`) ?? '', { system: false }),
          })),
      )

const FOLDERS = ['/etc/cron.hourly', '/etc/cron.daily', '/etc/cron.weekly', '/etc/cron.monthly']

const inScripts = ({ files }: Looking): OtherClient[] =>
  FOLDERS.flatMap(folder => namesIn(files, folder).flatMap(name => (CRON_NAME.test(name) ? [`${folder}/${name}`] : [])))
    .filter(path => ((files.info(path)?.mode ?? 0) & 0o111) !== 0) // run-parts(8)
    .flatMap(path =>
      [...new Set(clientsIn(readText(files, path) ?? ''))].map(client => ({
        client,
        where: path,
        stop: `chmod -x ${path}`,
      })),
    )

const inTimers = ({ files }: Looking): OtherClient[] =>
  enabledTimers(files).flatMap(({ unit, words }) => {
    const client = clientOf(words)
    return client ? [{ client, where: unit, stop: `systemctl disable --now ${unit}` }] : []
  })

/** A notice for each client: who goes on beside us, and what to do. `taken`: whose certificates are here now. */
export function tellOthers({ log }: Pick<World, 'log'>, found: readonly OtherClient[], taken?: Client): void {
  for (const client of new Set(found.map(each => each.client))) {
    const all = found.filter(each => each.client === client)
    const where = all.map(each => each.where).join(', ')
    const stop = all.map(each => each.stop).join('; ')
    if (client === taken) log.notice(`${client} goes on renewing these, too (${where}) until somebody stops it:`, stop)
    else
      log.notice(
        `${client} renews certificates here, too (${where}); when dns01 has what it renews, stop it:`,
        ...(IMPORT[client] ? [`${IMPORT[client]} takes its certificates over`] : []),
        stop,
      )
  }
}

const IMPORT: Readonly<Partial<Record<Client, string>>> = {
  certbot: 'dns01 import certbot',
  'acme.sh': 'dns01 import acmesh',
  lego: 'dns01 import lego',
}

/** What `snippet` prints: looks up what is live, and what this machine has, and refuses what no server could read. */

import { didYouMean } from '../core/did-you-mean.js'
import { Dns01Error } from '../core/errors.js'
import { parseName } from '../core/names.js'
import type { World } from '../core/world.js'
import { nameOf } from '../renew/link-changes.js'
import { livePath } from '../state/layout.js'
import type { StateDir } from '../state/state-dir.js'
import { type Site, SNIPPETS, snippetFor } from './snippets.js'

/** Other names of the same. */
const ALSO: Readonly<Record<string, string>> = { apache2: 'apache', httpd: 'apache' }

/** Every one of the five takes a path of these characters as it is: postfix splits at spaces and commas, dovecot fills in after %. */
const PLAIN_PATH = /^[\w@+=:./*-]+$/

/** Asking a program for its version; dovecot answers at once. */
const versionSeconds = 5

/** What is to be put into the configuration of a server for a link of live/. */
export interface Snippet {
  readonly server: string
  readonly link: string
  readonly text: string
  /** What is missing on this machine yet. */
  readonly lacks: string | undefined
}

/**
 * The configuration of `server` for what is live at `link` (NAME or NAME:LABEL). Asks dovecot for its version, nothing else.
 * @throws Dns01Error USAGE for a server that we do not know or a name that is not live; CONFIG for a key that is not here,
 *   or a state directory that no server could read
 */
export async function snippet(
  world: Pick<World, 'run' | 'env' | 'files' | 'clock'>,
  state: StateDir,
  { server: said, link: typed, signal }: { server: string; link: string; signal: AbortSignal },
): Promise<Snippet> {
  const server = ALSO[said.toLowerCase()] ?? said.toLowerCase()
  if (!(server in SNIPPETS))
    throw new Dns01Error('USAGE', `there is no snippet for "${said}"`, {
      hint: didYouMean(server, Object.keys(SNIPPETS)),
    })
  const link = typed.replace(/^[^:]+/, name => parseName(name))
  const site = siteOf(state, link)
  const version = server === 'dovecot' ? await versionOfDovecot(world, signal) : undefined
  const text = snippetFor(server, { ...site, dovecot: version }) ?? ''
  const lacksFile = server === 'haproxy' && world.files.info(`${site.folder}/haproxy`) === undefined
  const lacks = lacksFile
    ? `${site.folder}/haproxy is not there yet; once the hook "haproxy" is installed, dns01 test-notify ${link} makes it`
    : undefined
  return { server, link, text, lacks }
}

function siteOf(state: StateDir, link: string): Site {
  const links = state.links()
  const id = links.get(link)
  if (id === undefined) {
    const near = didYouMean(link, [...links.keys()], '')
    const get = `dns01 want ${link.split(':')[0]} gets a certificate first; dns01 status shows what there is`
    throw new Dns01Error('USAGE', `${link} is not live: there is no live/${link}`, {
      hint: near.startsWith('did you mean') ? `${near} Else ${get}` : get,
    })
  }
  const folder = `${state.root}/${livePath(link)}`
  const certificate = state.certificates().find(one => one.id === id)
  if (certificate && !certificate.hasKey)
    throw new Dns01Error(
      'CONFIG',
      `the key of ${link} is not here: its certificate is for a request of somebody else`,
      {
        hint: `the server is where the key is; it wants a copy of ${folder}/fullchain`,
      },
    )
  if (!PLAIN_PATH.test(folder))
    throw new Dns01Error('CONFIG', `not every server can be told the path ${folder}`, {
      hint: 'link to it from a path of letters, digits and - _ . /, and name that with --state',
    })
  const name = nameOf(link)
  return { name, others: (certificate?.facts?.names ?? []).filter(other => other !== name), folder }
}

/** undefined where there is none. */
async function versionOfDovecot(
  { run, env }: Pick<World, 'run' | 'env'>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `${env.PATH ?? ''}:/usr/local/sbin:/usr/sbin`
  const call = { env: { PATH: path }, cwd: '/', input: '', timeoutSeconds: versionSeconds, signal }
  const { exit, output } = await run(['dovecot', '--version'], call)
  return exit === 0 ? output.trim() : undefined
}

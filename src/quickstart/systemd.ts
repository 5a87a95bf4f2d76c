/** The systemd service and timer that start renewals. The service may write little besides its state directory. */

import { Dns01Error } from '../core/errors.js'
import type { World } from '../core/world.js'
import { freeName } from './cron.js'
import { isThere, readText, writeOutside } from './outside.js'
import { nameFor, type Renewal } from './renewal.js'
import { timerFolder } from './timers.js'

/**
 * Writes a service and a timer, and enables the timer. When systemd does not take them they are removed again. Units
 * that are there and serve another state directory stay.
 * @throws Dns01Error STATE
 */
export async function installTimer(world: World, renewal: Renewal, signal: AbortSignal): Promise<string> {
  const name = freeName(nameFor(renewal.stateDir), each => isFree(world, each, renewal))
  const units = {
    [`${timerFolder}/${name}.service`]: serviceText(renewal),
    [`${timerFolder}/${name}.timer`]: timerText(renewal),
  }
  // only what was not there before is taken away again: a unit that was changed may be in use, and is whole either way
  const made: string[] = []
  try {
    for (const [path, text] of Object.entries(units)) {
      const isNew = !isThere(world.files, path)
      await writeOutside(world, path, text, 0o644)
      if (isNew) made.push(path)
    }
    await systemctl(world, ['daemon-reload'], signal)
    await systemctl(world, ['enable', '--now', `${name}.timer`], signal)
  } catch (error) {
    for (const path of made) await world.files.remove(path)
    throw error
  }
  return `the systemd timer ${name}.timer`
}

/** Nothing of that name is there, or it is ours for this state directory: told by the line that lets the service write there. */
function isFree({ files }: World, name: string, { stateDir }: Renewal): boolean {
  const service = readText(files, `${timerFolder}/${name}.service`)
  if (service === undefined) return !isThere(files, `${timerFolder}/${name}.timer`)
  return service.split('\n').includes(`ReadWritePaths=${quoted(stateDir)}`)
}

/** Changes a unit of ours in its place. @throws Dns01Error STATE */
export async function changeTimer(
  world: World,
  unit: string,
  change: { readonly time?: Renewal | undefined; readonly argv?: readonly string[] | undefined },
  signal: AbortSignal,
): Promise<void> {
  const edit = async (path: string, key: string, value: string): Promise<void> => {
    const text = readText(world.files, path) ?? ''
    const line = `${key}=${value}`
    await writeOutside(
      world,
      path,
      text.replace(new RegExp(`^${key}=.*$`, 'm'), () => line),
      0o644,
    )
  }
  if (change.time) await edit(`${timerFolder}/${unit}`, 'OnCalendar', calendar(change.time))
  if (change.argv) await edit(`${timerFolder}/${unit.replace(/timer$/, 'service')}`, 'ExecStart', execLine(change.argv))
  await systemctl(world, ['daemon-reload'], signal)
  await systemctl(world, ['restart', unit], signal)
}

/** Stops a timer of ours and takes its units away; drop-ins, which somebody wrote, stay. @throws Dns01Error STATE */
export async function removeTimer(world: World, unit: string, signal: AbortSignal): Promise<undefined> {
  await disableTimer(world, unit, signal)
  const units = [unit, unit.replace(/timer$/, 'service')].map(each => `${timerFolder}/${each}`)
  for (const path of units.filter(each => isThere(world.files, each))) await world.files.remove(path)
  await systemctl(world, ['daemon-reload'], signal)
}

/** Stops a timer now and for good; its unit stays. @throws Dns01Error STATE */
export const disableTimer = (world: Pick<World, 'run' | 'env'>, unit: string, signal: AbortSignal): Promise<void> =>
  systemctl(world, ['disable', '--now', unit], signal)

/** @throws Dns01Error STATE with the last line that systemctl(1) said */
async function systemctl({ run, env }: Pick<World, 'run' | 'env'>, args: string[], signal: AbortSignal): Promise<void> {
  let said = ''
  const { exit, problem } = await run(['systemctl', ...args], {
    env: { PATH: env.PATH, LC_ALL: 'C' },
    cwd: '/',
    input: '',
    timeoutSeconds: 60,
    signal,
    line: text => {
      said = text
    },
  })
  if (exit !== 0) throw new Dns01Error('STATE', `systemctl ${args.join(' ')}: ${problem ?? (said || `exit ${exit}`)}`)
}

/** CAP_KILL for hooks that signal daemons; the others for owners in conf/perm, and for the provider `builtin` on port 53. */
const serviceText = ({ argv, stateDir }: Renewal): string => `[Unit]
Description=Get and renew TLS certificates
Wants=network-online.target
After=network-online.target nss-lookup.target

[Service]
Type=oneshot
ExecStart=${execLine(argv)}
TimeoutStartSec=2h
UMask=0022
# A hook that writes elsewhere needs another such line: systemctl edit dns01.service
ReadWritePaths=${quoted(stateDir)}
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_KILL CAP_NET_BIND_SERVICE
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictRealtime=yes
LockPersonality=yes
`

/** The minute is random already; the delay is for machines that start together. */
const timerText = (renewal: Renewal): string => `[Unit]
Description=Get and renew TLS certificates

[Timer]
OnCalendar=${calendar(renewal)}
RandomizedDelaySec=5min
Persistent=yes

[Install]
WantedBy=timers.target
`

/** `*-*-* 02/6:17:00` (systemd.time(7)). */
function calendar({ minuteOfDay, everySeconds }: Renewal): string {
  const everyHours = everySeconds / 3600
  const first = twoDigits(Math.floor(minuteOfDay / 60) % everyHours)
  return `*-*-* ${everyHours === 1 ? '*' : `${first}/${everyHours}`}:${twoDigits(minuteOfDay % 60)}:00`
}

const twoDigits = (number: number): string => String(number).padStart(2, '0')

const execLine = (argv: readonly string[]): string => argv.map(quoted).join(' ')

/** systemd.service(5), "Command lines": `%` and `$` are doubled. */
const quoted = (word: string): string => {
  const text = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

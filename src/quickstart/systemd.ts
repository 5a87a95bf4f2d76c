import { Dns01Error } from '../errors.js'
import type { World } from '../world.js'
import { isThere, writeOutside } from './outside.js'
import type { Renewal } from './renewal.js'

export const timerFolder = '/etc/systemd/system'

/**
 * Writes dns01.service and dns01.timer, and enables the timer. When systemd does not take them they are removed again.
 * @throws Dns01Error STATE
 */
export async function installTimer(world: World, renewal: Renewal, signal: AbortSignal): Promise<string> {
  const units = {
    [`${timerFolder}/dns01.service`]: serviceText(renewal),
    [`${timerFolder}/dns01.timer`]: timerText(renewal),
  }
  const made: string[] = []
  try {
    for (const [path, text] of Object.entries(units)) {
      const isNew = !isThere(world.files, path)
      await writeOutside(world, path, text, 0o644)
      if (isNew) made.push(path)
    }
    await systemctl(world, ['daemon-reload'], signal)
    await systemctl(world, ['enable', '--now', 'dns01.timer'], signal)
  } catch (error) {
    for (const path of made) await world.files.remove(path)
    throw error
  }
  return 'the systemd timer dns01.timer'
}

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
ExecStart=${argv.map(quoted).join(' ')}
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

const timerText = ({ minuteOfDay }: Renewal): string => `[Unit]
Description=Get and renew TLS certificates once a day

[Timer]
OnCalendar=*-*-* ${twoDigits(Math.floor(minuteOfDay / 60))}:${twoDigits(minuteOfDay % 60)}:00
RandomizedDelaySec=1h
Persistent=yes

[Install]
WantedBy=timers.target
`

const twoDigits = (number: number): string => String(number).padStart(2, '0')

/** systemd.service(5), "Command lines": `%` and `$` are doubled. */
const quoted = (word: string): string => {
  const text = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[\w@%+=:,./$-]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`
}

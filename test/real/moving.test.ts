// Moving in from acmetool, whose cron file holds secrets, and out again: by the built program, on a machine with a real crontab(1).
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { dns01Program } from './servers/dns01.js'
import { makeMachine } from './servers/machine.js'
import { lacking } from './servers/need.js'
import { startPebble } from './servers/pebble.js'

/** As acmetool's quickstart writes it (its package quickstart, cron.go), with what tutorials add. */
const cron = `SHELL=/bin/sh
PATH=/bin:/sbin:/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin
MAILTO=me@example.com
AWS_ACCESS_KEY_ID=AKIDEXAMPLE
AWS_SECRET_ACCESS_KEY=very-secret
30 4 * * * root /usr/bin/acmetool --batch reconcile
`

describe.skipIf(lacking('pebble', 'unshare', 'crontab'))('a machine that acmetool renews on', () => {
  test('dns01 takes its place and its settings, and goes away again without a trace but what is yours', async () => {
    const machine = makeMachine(undefined)
    const pebble = await startPebble({})
    const inside = (...path: string[]): string => join(machine.etc, ...path)
    try {
      const { folder } = machine
      mkdirSync(join(folder, 'bin'))
      symlinkSync(dns01Program, join(folder, 'bin/dns01'))
      writeFileSync(join(folder, 'acmetool.cron'), cron)
      const id = (name: string): string => `acmetool-quickstart-${name}`
      const answers = {
        'acme-enter-email': '',
        'acme-agreement:data:text/plain,Do%20what%20thou%20wilt': true,
        ...{ [id('choose-server')]: 'url', [id('enter-directory-url')]: pebble.directoryUrl },
        ...{ 'dns01-quickstart-keep-variables': true, 'dns01-quickstart-replace-acmetool': true },
      }
      writeFileSync(join(folder, 'answers'), JSON.stringify(answers))
      const env = { PATH: `${folder}/bin:${process.env.PATH}`, SSL_CERT_FILE: pebble.caFile }
      const run = async (words: string, before = ''): Promise<string> => {
        const own = 'mkdir -p spool; mount --bind spool /var/spool/cron/crontabs' // nobody's lines of the machine around it
        const { exit, stdout, stderr } = await machine.sh(`${own}; ${before}\ndns01 --batch ${words}`, { env })
        expect(`${exit}\n${stderr}`).toMatch(/^0\n/)
        expect(stdout + stderr).not.toContain('very-secret')
        return `${stdout}${stderr}`
      }

      const quickstart = `quickstart --response-file=${folder}/answers`
      const said = await run(
        quickstart,
        'cp acmetool.cron /etc/cron.d/acmetool; echo "0 0 * * * certbot renew" | crontab -',
      )
      expect(said).toContain('certbot renews certificates here, too (line 1 of your crontab')
      expect(readdirSync(inside('cron.d'))).toEqual(['dns01'])
      const now = readFileSync(inside('cron.d/dns01'), 'utf8')
      expect(now).toMatch(
        /^SHELL=.*\nPATH=.*\nMAILTO=me@example.com\n\d+ [\d,]+ \* \* \* root \S+ -- \S+ --batch reconcile\n$/,
      )
      expect(readFileSync(inside('dns01/env'), 'utf8')).toBe(
        "AWS_ACCESS_KEY_ID='AKIDEXAMPLE'\nAWS_SECRET_ACCESS_KEY='very-secret'\n",
      )
      expect(statSync(inside('dns01/env')).mode & 0o777).toBe(0o600)

      expect(await run('quickstart --undo --simulate')).toMatch(
        /^would remove {2}the line of dns01 in \/etc\/cron\.d\/dns01\n/,
      )
      expect(readFileSync(inside('cron.d/dns01'), 'utf8')).toBe(now)
      const undone = await run('quickstart --undo')
      expect(undone).toContain(
        'left     /etc/dns01/env (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY): rm /etc/dns01/env\n',
      )
      expect(readdirSync(inside('cron.d'))).toEqual([])
      expect(readdirSync(inside('acme/hooks'))).toEqual([])
      expect(existsSync(join(machine.varLib, 'acme/conf/target'))).toBe(true)
      expect(await run('quickstart --undo')).toMatch(/^there is nothing of quickstart to remove\n/)
      expect(readFileSync(join(folder, 'spool/root'), 'utf8')).toMatch(/^0 0 \* \* \* certbot renew\n$/m)
    } finally {
      await pebble.stop()
      machine.remove()
    }
  }, 60_000)
})

// What docs/ shows of other programs' configuration is taken by these programs, and the command lines of dns01 that ask nobody
// end well.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { allBlocks } from '../docs.js'
import { filledIn, type Shown, shownInBlocks, shownInText } from '../docs-lines.js'
import { newFolder } from '../folder.js'
import { runDns01, startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'

const folder = newFolder('docs')

const run = (...argv: string[]) => startProgram(argv, { cwd: folder }).result

/** The block in a file of the folder, with what stands around it. */
function written(name: string, text: string): string {
  writeFileSync(join(folder, name), text, { mode: 0o600 })
  return join(folder, name)
}

test.each(allBlocks('sh'))('$page:$line is read by sh', async ({ text }) => {
  expect(await run('sh', '-n', written('block.sh', text))).toMatchObject({ exit: 0, stderr: '' })
})

describe.skipIf(lacking('nginx', 'openssl'))('nginx', () => {
  beforeAll(async () => {
    const out = ['-keyout', join(folder, 'privkey'), '-out', join(folder, 'fullchain')]
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=my.domain.com']
    expect((await run(need('openssl'), 'req', '-x509', ...key, ...out)).exit).toBe(0)
  })

  test.each(allBlocks('nginx'))('takes $page:$line', async ({ text }) => {
    const here = text
      .replaceAll('/var/lib/acme/live/my.domain.com', folder)
      .replace('listen 443', `listen unix:${folder}/socket`)
    const main = `pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${here} }`
    const { exit, stderr } = await run(need('nginx'), '-t', '-q', '-e', 'stderr', '-c', written('nginx.conf', main))
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  })
})

describe.skipIf(lacking('named'))('BIND', () => {
  test.each(allBlocks('named'))('takes $page:$line', async ({ text }) => {
    const key = written('key', (await run(need('tsig-keygen'), '-a', 'hmac-sha256', 'dns01')).stdout)
    const { exit, stdout, stderr } = await run(
      need('named-checkconf'),
      written('named.conf', text.replace('/etc/bind/dns01.key', key)),
    )
    expect({ exit, stdout, stderr }).toEqual({ exit: 0, stdout: '', stderr: '' })
  })
})

describe.skipIf(lacking('visudo'))('sudo', () => {
  test.each(allBlocks('sudoers'))('takes $page:$line', async ({ text }) => {
    const { exit, stderr } = await run(need('visudo'), '-c', '-q', '-f', written('sudoers', text))
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  })
})

/** Commands that look at the state directory and ask nobody. What else a line says decides with them. */
const offline = ({ words: [command = '', ...more] }: Shown): boolean =>
  ['status', 'plan', '--version', 'account-thumbprint'].includes(command) ||
  (command === 'providers' && (more.length < 2 || more.includes('--iam-policy'))) ||
  (command === 'want' && more.includes('--no-reconcile')) ||
  (command === 'cull' && more.includes('--simulate'))

describe('command lines that ask nobody', () => {
  const state = join(folder, 'state')
  const env = { DNS01_ENV_FILE: join(folder, 'env'), ACME_HOOKS_DIR: join(folder, 'hooks'), DNS01_PROVIDER: 'memory' }
  const shown = [...shownInBlocks, ...shownInText].filter(offline)
  const names = [
    ...new Set(shown.flatMap(({ words }) => filledIn(words)).filter(word => /^[*a-z-]+(\.[a-z]+)+$/.test(word))),
  ]
  const dns01 = (words: readonly string[]) => runDns01(['--state', state, ...words], { env })

  beforeAll(async () => {
    mkdirSync(env.ACME_HOOKS_DIR)
    writeFileSync(env.DNS01_ENV_FILE, '', { mode: 0o600 })
    for (const name of names) expect((await dns01(['want', '--no-reconcile', name])).exit).toBe(0)
  })

  test.each(shown)('$where ends well', async ({ words }) => {
    const { exit, stderr } = await dns01(filledIn(words))
    const missing = 2 // CRITICAL: of all that is wanted here nobody has got a certificate
    expect({ exit, stderr }).toEqual({ exit: words.includes('--check') ? missing : 0, stderr: '' })
  })
})

test('there is something to try with each', () => {
  expect(['sh', 'nginx', 'named', 'sudoers'].filter(language => allBlocks(language).length === 0)).toEqual([])
})

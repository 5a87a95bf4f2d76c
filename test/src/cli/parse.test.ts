import { describe, expect, test } from 'vitest'
import { GLOBAL } from '../../../src/cli/flags.js'
import { type Invocation, parseCommandLine } from '../../../src/cli/parse.js'
import { COMMANDS } from '../../../src/commands/index.js'

const parsed = async (...argv: string[]): Promise<Invocation> => {
  const result = await parseCommandLine(argv)
  if (typeof result === 'string') throw new Error(`help instead: ${result}`)
  return result
}

const commandOf = async (...argv: string[]): Promise<string> =>
  (await parsed(...argv)).command.command.split(' ')[0] ?? ''

describe('the command line', () => {
  test.each([
    [[], 'reconcile'],
    [['--batch'], 'reconcile'],
    [['--batch', 'reconcile'], 'reconcile'],
    [['reconcile', '--batch'], 'reconcile'],
    [['--state', '/s', 'status'], 'status'],
    [['--xlog.severity', 'debug', 'want', 'a.example'], 'want'],
  ])('%j means %s', async (argv, command) => {
    expect(await commandOf(...argv)).toBe(command)
  })

  test('a value comes after a space or after =', async () => {
    for (const argv of [['--state', '/s'], ['--state=/s']]) expect((await parsed(...argv)).flags.state).toBe('/s')
  })

  test('booleans have a --no-', async () => {
    expect((await parsed('--no-batch')).flags.batch).toBe(false)
    expect((await parsed('--no-xlog.stderr')).flags.stderr).toBe(false)
    expect((await parsed('want', 'a.example', '--no-reconcile')).args.reconcile).toBe(false)
  })

  test('--hooks may be repeated', async () => {
    expect((await parsed('--hooks', '/a', '--hooks=/b', 'status')).flags.hooks).toEqual(['/a', '/b'])
  })

  test.each([
    [['--state', '/a', '--state=/b'], '--state is given several times'],
    [['--batch', 'status', '--batch'], '--batch is given several times'],
    [['--batch', '--no-batch'], '--batch is given several times'],
    [['--state', ''], '--state wants a value'],
    [['status', '--state'], '--state wants a value'],
    [['--hooks'], '--hooks wants a value'],
    [['status', '--hooks'], '--hooks wants a value'],
    [['--xlog.severity', 'loud'], '--xlog.severity: there is no severity "loud"'],
    [['--parallel', '0'], '--parallel must be a number of at least 1'],
    [['recocnile'], 'there is no command "recocnile"'],
    [['--batsh'], 'there is no flag --batsh'],
    [['help', 'wnat'], 'there is no command "wnat"'],
  ])('%j is refused', async (argv, message) => {
    await expect(parseCommandLine(argv)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    })
  })

  test('what looks like a number stays the text it is', async () => {
    expect((await parsed('want', '007', '1e3', '0x10')).args.names).toEqual(['007', '1e3', '0x10'])
    for (const argv of [
      ['--state', '007'],
      ['--state', '007', 'status'],
      ['status', '--state=007'],
    ])
      expect((await parsed(...argv)).flags.state).toBe('007')
  })

  test('--hooks takes one folder, not the command behind it', async () => {
    expect(await commandOf('--hooks', '/a', 'status')).toBe('status')
    expect((await parsed('--hooks', '/a', 'want', 'a.test')).args.names).toEqual(['a.test'])
  })

  test('--force takes several names, together or one by one', async () => {
    expect((await parsed('reconcile', '--force', 'a.test', 'b.test')).args.force).toEqual(['a.test', 'b.test'])
    expect((await parsed('reconcile', '--force=a.test', '--force=b.test')).args.force).toEqual(['a.test', 'b.test'])
  })

  test.each([
    [['--btach'], 'there is no flag --btach', 'did you mean "batch"?'],
    [['status', '--lock-wiat=3'], 'there is no flag --lock-wiat', 'did you mean "lock-wait"?'],
    [['reconcile', '--froce', 'a.test'], 'there is no flag --froce', 'did you mean "force"?'],
    [['want', 'a.test', '--no-reconcil'], 'there is no flag --reconcil', 'did you mean "reconcile"?'],
    [['--batch', 'recncile'], 'there is no command "recncile"', 'did you mean "reconcile"?'],
    [['acount', 'show'], 'there is no command "acount"', 'did you mean "account"?'],
    [['reconcil', '--force', 'a.test'], 'there is no command "reconcil"', 'did you mean "reconcile"?'],
    [['cull', 'extra'], 'cull does not take "extra"', 'dns01 cull --help shows what it takes'],
    [['plan', 'a', 'b'], 'plan does not take "a"', 'dns01 plan --help shows what it takes'],
    [['--xlog.severity', 'inf'], '--xlog.severity: there is no severity "inf"', 'did you mean "INFO"?'],
    [['unwant'], 'unwant lacks an argument', 'dns01 unwant <names..>'],
    [['--batch', 'revoke', '--reason', 'superseded'], 'revoke lacks an argument', 'dns01 revoke <id>'],
    [['import-pem-account', 'u'], 'import-pem-account lacks an argument', 'dns01 import-pem-account <url> <file>'],
  ])('%j: %s; %s', async (argv, message, hint) => {
    await expect(parseCommandLine(argv)).rejects.toMatchObject({ code: 'USAGE', message, hint })
  })

  test.each([
    [['renew'], 'did you mean "reconcile"?'],
    [['certonly', '-d', 'a.example'], 'did you mean "want"?'],
    [['list'], 'did you mean "status"?'],
    [['delete', 'a.example'], 'did you mean "unwant"?'],
    [['import-csr', 'c.csr'], 'dns01 want --csr FILE gets a certificate for it'],
    [['frobnicate'], 'dns01 --help lists the commands'],
    [['constructor'], 'dns01 --help lists the commands'],
    [['hepl'], 'did you mean "help"?'],
  ])('%j: what other clients call so has another name here, or a reason', async (argv, hint) => {
    const message = `there is no command "${argv[0]}"`
    await expect(parseCommandLine(argv)).rejects.toMatchObject({ code: 'USAGE', message, hint })
  })

  test.each([
    [['want', '-d', 'a.example'], 'there is no flag -d', 'names need no flag: dns01 want NAME'],
    [['want', '--domains=a.example'], 'there is no flag --domains', 'names need no flag: dns01 want NAME'],
    [['reconcile', '--dry-run', 'a.example'], 'there is no flag --dry-run', 'dns01 plan shows what a run would do'],
    [['want', '--btach', 'a.example'], 'there is no flag --btach', 'did you mean "batch"?'],
    [['want', '-vx'], 'there is no flag -x', 'dns01 help flags lists them'],
  ])('%j: the unknown flag is told, not the argument that it swallowed', async (argv, message, hint) => {
    await expect(parseCommandLine(argv)).rejects.toMatchObject({
      ...{ code: 'USAGE', message, hint: expect.stringContaining(hint) },
    })
  })

  test('a suggestion comes with it, and for what acmetool had a reason', async () => {
    await expect(parseCommandLine(['wnat'])).rejects.toMatchObject({ hint: 'did you mean "want"?' })
    await expect(parseCommandLine(['redirector'])).rejects.toMatchObject({ hint: expect.stringContaining('DNS-01') })
  })
})

describe('severities', () => {
  test.each([
    [[], 'NOTICE'],
    [['-v'], 'INFO'],
    [['-v', '-v'], 'DEBUG'],
    [['-vvvv'], 'TRACE'],
    [['-q'], 'ERROR'],
    [['-q', '-q'], 'ERROR'],
    [['status', '-q'], 'ERROR'],
    [['--xlog.severity=debug'], 'DEBUG'],
    [['--xlog.severity=Info', '-q'], 'INFO'],
    [['--xlog.severity', '7'], 'DEBUG'],
    [['--xlog.severity', '0'], 'EMERGENCY'],
  ])('%j is %s', async (argv, severity) => {
    expect((await parsed(...argv)).flags.severity).toBe(severity)
  })

  test("acmetool's other log flags are taken", async () => {
    const { flags } = await parsed(
      ...['--xlog.file', '/l', '--xlog.fileseverity=info', '--xlog.stderrseverity', 'warn', '--xlog.journal'],
      ...['--xlog.journalseverity=error', '--xlog.facility', 'local0'],
    )
    expect(flags).toMatchObject({ file: '/l', fileSeverity: 'INFO', stderrSeverity: 'WARN', stderr: true })
    expect(flags).toMatchObject({ syslog: true, syslogSeverity: 'ERROR', facility: 'local0' })
  })

  test('flags for daemons are taken, and named', async () => {
    expect((await parsed('--service.uid=acme', '--service.daemon')).flags.idle).toEqual([
      'service.uid',
      'service.daemon',
    ])
  })
})

describe('help', () => {
  test.each([[['help']], [['--help']], [['-h']]])('%j lists the commands', async argv => {
    const text = await parseCommandLine(argv)
    for (const { command, describe: about } of COMMANDS) {
      expect(text).toContain(command)
      expect(String(text).replaceAll(/\s+/g, ' ')).toContain(about)
    }
  })

  test.each([[['help', 'want']], [['want', '--help']]])('%j tells what one takes', async argv => {
    expect(await parseCommandLine(argv)).toMatch(/want \[names\.\.\][\s\S]*--reconcile/)
  })

  test('knows version, though nothing is parsed for it', async () => {
    expect(await parseCommandLine(['help', 'version'])).toContain('--version and -V')
    await expect(parseCommandLine(['--batch', 'version'])).rejects.toMatchObject({ code: 'USAGE' })
  })

  test('of a command shows its own flags and an example; the others have a page of their own', async () => {
    const own = String(await parseCommandLine(['help', 'reconcile']))
    expect(own).toContain('--force')
    expect(own).toContain('dns01 reconcile --force www.example.com')
    expect(own).toContain('dns01 help flags')
    const global = Object.entries(GLOBAL)
    for (const [name] of global) expect(own).not.toContain(`--${name}`)
    const page = String(await parseCommandLine(['help', 'flags']))
    for (const [name, { describe: about }] of global) {
      expect(page).toContain(`--${name}`)
      expect(page.replaceAll(/\s+/g, ' ')).toContain(about)
    }
    for (const text of [own, page]) expect(text).not.toMatch(/\[(string|boolean)\]/)
  })

  test('is no wider than the terminal', async () => {
    for (const words of [['--help'], ['help', 'flags'], ['help', 'want']]) {
      const text = String(await parseCommandLine(words, 70))
      expect(Math.max(...text.split('\n').map(line => line.length))).toBeLessThanOrEqual(70)
    }
  })

  test('every command has an example that it takes', async () => {
    for (const { command, example = '' } of COMMANDS) {
      const words = example.replaceAll("'", '').split(' ')
      expect(await commandOf(...words)).toBe(command.split(' ')[0])
    }
  })

  test.each(['--help-long', '--help-man'])('%s tells all', async flag => {
    const text = await parseCommandLine([flag])
    for (const { command } of COMMANDS) expect(text).toContain(`dns01 ${command}\n`)
  })
})

import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import type { RunOptions } from '../../../src/core/world.js'
import {
  defaultHookFolders,
  findHooks,
  holdSeveralValues,
  hookFolders,
  runHooks,
  type ScriptCall,
  severalValuesMarker,
} from '../../../src/provider/hook-scripts.js'
import { diskWorld } from '../../fakes/disk-world.js'
import { newFolder } from '../../folder.js'

let root: string
let hooks: string
beforeEach(() => {
  root = newFolder('hooks')
  hooks = join(root, 'hooks')
  mkdirSync(hooks)
})

/** A hook of this name; its script notes what it does in $root/notes by itself. */
function hook(name: string, script: string, mode = 0o755, folder = hooks): string {
  const path = join(folder, name)
  writeFileSync(path, /^(#!|\0|$)/.test(script) ? script : `#!/bin/sh\n${script}\n`)
  chmodSync(path, mode)
  return path
}
const notes = () => readFileSync(join(root, 'notes'), 'utf8')
const note = (text: string) => `echo "${text}" >> ${root}/notes`

const call = (more: Partial<ScriptCall> = {}): ScriptCall => ({
  folders: [hooks],
  event: 'live-updated',
  args: [],
  stdin: '',
  env: {},
  stateDir: '/var/lib/acme',
  timeoutSeconds: 20,
  signal: new AbortController().signal,
  ...more,
})

describe('which folders', () => {
  test.each([
    [{}, [], [...defaultHookFolders]],
    [{ ACME_HOOKS_DIR: '' }, [], [...defaultHookFolders]],
    [{ ACME_HOOKS_DIR: '/a:/b\n/c\n' }, [], ['/a:/b', '/c']],
    [{ ACME_HOOKS_DIR: '/a' }, ['/x', 'y'], ['/x', join(process.cwd(), 'y')]],
  ])('%j and --hooks %j', (env, flags, folders) => {
    expect(hookFolders(env, flags)).toEqual(folders)
  })

  test('a missing one is skipped, several are run one after the other', async () => {
    const second = join(root, 'second')
    mkdirSync(second)
    hook('z', note('first z'))
    hook('a', note('second a'), 0o755, second)
    await runHooks(diskWorld().world, call({ folders: [join(root, 'missing'), hooks, second] }))
    expect(notes()).toBe('first z\nsecond a\n')
  })

  test("the caller's own environment is asked for when there is a hook, and all that the hook gets of it", async () => {
    let asked = 0
    const callersEnv = async () => ({ PATH: process.env.PATH, ONLY: String(++asked) })
    const { world } = diskWorld({ PATH: process.env.PATH, SECRET: 'x' })
    await runHooks(world, call({ callersEnv }))
    expect(asked).toBe(0)
    hook('a', note('$ONLY:$SECRET'))
    await runHooks(world, call({ callersEnv }))
    expect(notes()).toBe('1:\n')
  })

  test('one that everybody may write fails the whole call', async () => {
    hook('a', note('ran'))
    chmodSync(hooks, 0o777)
    const running = runHooks(diskWorld().world, call())
    await expect(running).rejects.toMatchObject({ code: 'CONFIG', hint: `chmod o-w ${hooks}` })
    expect(notes).toThrow()
  })

  test.each(['info', 'list'] as const)('one that we may not look into (%s) fails the whole call', async question => {
    hook('a', note('ran'))
    const { world } = diskWorld()
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    const files = Object.create(world.files, {
      [question]: {
        value: () => {
          throw denied
        },
      },
    })
    await expect(runHooks({ ...world, files }, call())).rejects.toMatchObject({
      code: 'CONFIG',
      message: `the hooks folder ${hooks} cannot be read: EACCES: permission denied`,
      hint: expect.stringContaining('--hooks'),
    })
    expect(notes).toThrow()
  })

  test('a file in its place fails the whole call', async () => {
    const running = runHooks(diskWorld().world, call({ folders: [hook('file', '')] }))
    await expect(running).rejects.toMatchObject({ code: 'CONFIG' })
  })
})

describe('which files', () => {
  test('in byte order: regular, executable, not hidden; editors leave hooks too', () => {
    for (const name of ['b', 'B', 'ä', 'a~', 'a.sample', '10', '9']) hook(name, 'exit 0')
    hook('.hidden', 'exit 0')
    hook('plain', 'exit 0', 0o644)
    hook('others-only', 'exit 0', 0o641)
    mkdirSync(join(hooks, 'folder'))
    const { world, said } = diskWorld()
    const names = findHooks(world, [hooks]).map(({ path }) => path.slice(hooks.length + 1))
    expect(names).toEqual(['10', '9', 'B', 'a.sample', 'a~', 'b', 'others-only', 'ä'])
    expect(said).toEqual([])
  })

  test('what everybody may write, and links that lead nowhere, are skipped with an error line', () => {
    const open = hook('open', 'exit 0', 0o757)
    symlinkSync('nowhere', join(hooks, 'broken'))
    symlinkSync('loop', join(hooks, 'loop'))
    const { world, said } = diskWorld()
    expect(findHooks(world, [hooks])).toEqual([])
    expect(said).toEqual([
      `error: hook ${hooks}/broken is skipped: the link leads nowhere`,
      `error: hook ${hooks}/loop is skipped: the link leads nowhere`,
      `error: hook ${open} is skipped: ${open} may be changed by everybody\n  chmod o-w ${open}`,
    ])
  })

  test.skipIf(process.getuid?.() !== 0)('root runs none that another user or a group can change', async () => {
    chownSync(hook('a', note('a')), 65534, 0)
    hook('b', note('b'), 0o775)
    chownSync(join(hooks, 'b'), 0, 33)
    hook('c', note('c'))
    const { world, said } = diskWorld()
    await runHooks(world, call())
    expect(notes()).toBe('c\n')
    expect(said).toEqual([
      `error: hook ${hooks}/a is skipped: ${hooks}/a belongs to user 65534\n  chown root ${hooks}/a`,
      `error: hook ${hooks}/b is skipped: ${hooks}/b may be changed by group 33\n  chmod g-w ${hooks}/b`,
    ])
    chownSync(root, 65534, 0)
    await expect(runHooks(world, call())).rejects.toMatchObject({
      code: 'CONFIG',
      message: `no hook of ${hooks} is run: ${root} belongs to user 65534`,
    })
    expect(notes()).toBe('c\n')
  })

  test('links are followed as the kernel does, also out of a folder that is a link', async () => {
    mkdirSync(join(root, 'deep/er'), { recursive: true })
    mkdirSync(join(root, 'deep/programs'))
    hook('program', note('ran'), 0o755, join(root, 'deep/programs'))
    symlinkSync('../programs/program', join(root, 'deep/er/one'))
    symlinkSync('one', join(root, 'deep/er/two'))
    symlinkSync('deep/er', join(root, 'linked'))
    const { succeeded } = await runHooks(diskWorld().world, call({ folders: [join(root, 'linked')] }))
    expect(succeeded).toBe(true)
    expect(notes()).toBe('ran\nran\n')
  })
})

describe('how they are called', () => {
  test('path, event and arguments; / as folder; input; environment with ACME_STATE_DIR last', async () => {
    hook(
      'a',
      `printf '%s|' "$0" "$@" >> ${root}/notes; pwd >> ${root}/notes; cat >> ${root}/notes; env >> ${root}/notes`,
    )
    const { world } = diskWorld({ PATH: '/usr/bin:/bin', OWN: 'caller', BOTH: 'caller' })
    await runHooks(
      world,
      call({
        event: 'challenge-dns-start',
        args: ['host.example', '', 'value', ''],
        stdin: 'x\n',
        env: { BOTH: 'target', ACME_STATE_DIR: '/elsewhere' },
        stateDir: 'state',
      }),
    )
    const [first, input, ...env] = notes().trimEnd().split('\n')
    expect(first).toBe(`${hooks}/a|challenge-dns-start|host.example||value||/`)
    expect(input).toBe('x')
    expect(env.filter(line => !line.startsWith('PWD=')).sort()).toEqual([
      `ACME_STATE_DIR=${process.cwd()}/state`,
      'BOTH=target',
      'OWN=caller',
      'PATH=/usr/bin:/bin',
    ])
  })

  test('what it prints is heard without being asked for, with its name', async () => {
    hook('chatty', 'echo one; echo two >&2')
    const { world, said } = diskWorld()
    await runHooks(world, call())
    expect(said.sort()).toEqual(['notice: chatty: one', 'notice: chatty: two'])
  })
})

describe('what they say', () => {
  test.each([
    [[0], true],
    [[42], false],
    [[1, 0, 42], true],
    [[0, 1], true],
    [[1, 42], false],
    [[], false],
  ])('exits %j: succeeded is %j, and all were run', async (exits, succeeded) => {
    for (const [i, exit] of exits.entries()) hook(`h${i}`, `exit ${exit}`)
    const answer = await runHooks(diskWorld().world, call())
    expect(answer.succeeded).toBe(succeeded)
    expect(answer.results.map(({ exit }) => exit)).toEqual(exits)
  })

  test("42 does not count as a failure; any other status does, with the hook's last words", async () => {
    hook('a-mute', 'exit 42')
    hook('b-bad', 'echo "no such zone" >&2; echo; exit 3')
    hook('c-killed', 'kill -KILL $$')
    const { results } = await runHooks(diskWorld().world, call())
    expect(results.map(({ failed, complaint }) => failed && complaint)).toEqual([
      false,
      'live-updated exited with 3: no such zone',
      'live-updated exited with 137: it was ended by SIGKILL',
    ])
  })

  test('a file without #! is not a hook that can be started: not even an empty one counts as done', async () => {
    hook('empty', '')
    writeFileSync(join(hooks, 'text'), 'exit 0\n', { mode: 0o755 })
    const { succeeded, results } = await runHooks(diskWorld().world, call())
    expect(succeeded).toBe(false)
    expect(results.map(({ exit }) => exit)).toEqual([-1, -1])
    expect(results[0]?.complaint).toContain('live-updated failed: cannot be started: it has no #! line')
  })

  test('a program counts as a hook, script or not', async () => {
    symlinkSync('/bin/true', join(hooks, 'true'))
    expect((await runHooks(diskWorld().world, call())).succeeded).toBe(true)
  })

  test('a missing interpreter is reported', async () => {
    hook('odd', '#!/nowhere/sh\n')
    const { succeeded, results } = await runHooks(diskWorld().world, call())
    expect(succeeded).toBe(false)
    expect(results[0]?.complaint).toContain('interpreter of its first line is missing')
  })

  test('a hook that takes too long is ended and reported, and the next one runs', async () => {
    hook('a-slow', 'sleep 30')
    hook('b-quick', note('quick'))
    const { results } = await runHooks(diskWorld().world, call({ timeoutSeconds: 0.2 }))
    expect(results.map(({ late }) => late)).toEqual([true, false])
    expect(results[0]?.complaint).toContain('had not ended after 0.2 s')
    expect(notes()).toBe('quick\n')
  })

  test('an aborted signal comes out, and no further hook is run', async () => {
    hook('a', `sleep 0.1; kill -TERM $$`)
    hook('b', note('ran'))
    const stop = new AbortController()
    const running = runHooks(diskWorld().world, call({ signal: stop.signal }))
    stop.abort(new Error('stopped'))
    await expect(running).rejects.toThrow('stopped')
    expect(notes).toThrow()
  })
})

describe('a hook that knows challenges only and fails at live-updated', () => {
  const challenges = 'case $1 in challenge-dns-start) exit 0 ;; esac'
  const fails = 'echo "unknown event" >&2; exit 1'

  test.each<[what: string, script: string, event: string, failed: boolean]>([
    ['is excused', `${challenges}; ${fails}`, 'live-updated', false],
    ['is excused for any status', `${challenges}; exit 7`, 'live-updated', false],
    ['is excused when a signal ends it', `${challenges}; kill -KILL $$`, 'live-updated', false],
    ['is not excused for other events', `${challenges}; ${fails}`, 'challenge-dns-stop', true],
    ['is not excused if it speaks of live-updated', `${challenges}; # live-updated\n${fails}`, 'live-updated', true],
    ['is not excused if it does not speak of challenges', fails, 'live-updated', true],
  ])('%s', async (_, script, event, failed) => {
    hook('tutorial', script)
    const { results } = await runHooks(diskWorld().world, call({ event }))
    expect(results.map(result => result.failed)).toEqual([failed])
  })

  test('says so in one line beside its own, none of them heard without being asked for', async () => {
    const path = hook('tutorial', `${challenges}; ${fails}`)
    const { world, said } = diskWorld()
    await runHooks(world, call())
    expect(said).toEqual([
      'info: tutorial: unknown event',
      `info: hook ${path}: live-updated exited with 1: unknown event`,
    ])
  })
})

describe("acmetool's sudo protocol", () => {
  /** A world in which we are `uid`, the hook belongs to `owner`, and programs are only noted. */
  async function argvOf(
    owner: number,
    uid: number,
    mode: number,
    path: string,
    script = '#!/bin/sh\n',
  ): Promise<string[]> {
    const file = hook('reload', script, mode)
    const runs: string[][] = []
    const { world } = diskWorld({ PATH: path })
    await runHooks(
      {
        ...world,
        self: { ...world.self, uid },
        files: {
          ...world.files,
          info: at => {
            const info = world.files.info(at)
            return at === file && info ? { ...info, uid: owner, mode: mode } : info
          },
        },
        run: async (argv: readonly string[], _: RunOptions) => {
          runs.push([...argv])
          return { exit: 0, output: '' }
        },
      },
      call({ args: ['x'] }),
    )
    return runs[0] ?? []
  }

  test('root owns it, setuid, a script, we are not root, sudo is there: sudo -n -- FILE EVENT ARGS', async () => {
    const bin = join(root, 'bin')
    mkdirSync(bin)
    hook('sudo', 'exit 1', 0o755, bin)
    const direct = [`${hooks}/reload`, 'live-updated', 'x']
    expect(await argvOf(0, 1000, 0o4755, `/nowhere:${bin}`)).toEqual(['sudo', '-n', '--', ...direct])
    expect(await argvOf(0, 1000, 0o755, bin)).toEqual(direct)
    expect(await argvOf(1000, 1000, 0o4755, bin)).toEqual(direct)
    expect(await argvOf(0, 0, 0o4755, bin)).toEqual(direct)
    expect(await argvOf(0, 1000, 0o4755, '/nowhere')).toEqual(direct)
    expect(await argvOf(0, 1000, 0o4755, bin, '\0 no script')).toEqual(direct)
  })
})

describe('hooks that can hold several values', () => {
  const several = () => {
    const { world } = diskWorld()
    return holdSeveralValues(world, findHooks(world, [hooks]))
  }

  test('say so; hooks that do not handle challenges need not', () => {
    expect(several()).toBe(false)
    hook('reload', '[ "$1" = live-updated ] || exit 42')
    expect(several()).toBe(false)
    hook('dns', `# ${severalValuesMarker}\n case $1 in challenge-dns-start) ;; esac`)
    expect(several()).toBe(true)
  })

  test('one that handles challenges without saying so, or is not a script, decides for all', () => {
    hook('dns', `# ${severalValuesMarker}`)
    hook('tutorial', 'case $1 in challenge-dns-start) ;; esac')
    expect(several()).toBe(false)
    rmSync(join(hooks, 'tutorial'))
    symlinkSync('/bin/true', join(hooks, 'program'))
    expect(several()).toBe(false)
  })

  test('the marker counts in the first 4096 bytes only', () => {
    hook('dns', `${'#'.repeat(4096)}${severalValuesMarker}`)
    expect(several()).toBe(false)
  })
})

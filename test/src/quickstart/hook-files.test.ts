import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { hook } from '../../../src/commands/hook.js'
import { disableHook, enableHook, hookLines, listHooks } from '../../../src/quickstart/hook-files.js'
import { machine } from '../../fakes/machine.js'

const folder = '/etc/acme/hooks'
const shipped = (name: string): string => readFileSync(join(import.meta.dirname, '../../../hooks', name), 'utf8')
const older = '#!/bin/sh\n##!acmetool-managed!##\nexit 0\n'

describe('list', () => {
  test('of a folder that we may not look into says so, and not that there are none', () => {
    const { world } = machine().context
    const denied = Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
    const files = Object.create(world.files, {
      info: {
        value: () => {
          throw denied
        },
      },
    })
    expect(() => listHooks({ ...world, files })).toThrow(`the hooks folder ${folder} cannot be read: EACCES`)
  })

  test('tells who wrote each, and why one is not run', () => {
    const on = machine({
      files: {
        [`${folder}/reload`]: '',
        [`${folder}/nginx`]: '#!/bin/sh\n',
        [`${folder}/.hidden`]: '#!/bin/sh\n',
      },
      links: { [`${folder}/zz`]: '/nowhere' },
    })
    on.files.put(`${folder}/haproxy`, shipped('haproxy'), 0o755)
    on.files.put(`${folder}/reload-nginx`, shipped('reload'), 0o755)
    on.files.put(`${folder}/push`, older, 0o755)
    on.files.put(`${folder}/open`, '#!/bin/sh\n', 0o777)
    const hooks = listHooks(on.context.world)
    expect(hooks.map(({ name, origin, fault }) => [name, origin, fault])).toEqual([
      ['haproxy', 'shipped', undefined],
      ['nginx', 'own', 'it is not executable'],
      ['open', 'own', '/etc/acme/hooks/open may be changed by everybody'],
      ['push', 'other version', undefined],
      ['reload', 'off', 'it is empty, which switches it off'],
      ['reload-nginx', 'shipped', undefined],
      ['zz', 'own', 'the link leads nowhere'],
    ])
    expect(hookLines(hooks).join('\n')).toMatch(
      /nginx {9}yours; NOT RUN: it is not executable\n +chmod a\+x .*\n.*push .*older or changed\n.*reload .*switched off\n.*\n.*enable NAME: reload, copy, reload-SERVICE/s,
    )
  })

  test('of a machine without hooks it tells what there is', () => {
    expect(hookLines(listHooks(machine().context.world))).toEqual([
      'no hook is installed',
      '',
      'dns01 hook enable NAME: haproxy, reload, copy, push, reload-SERVICE, restart-SERVICE',
      expect.stringContaining('postgresql, or any other service or systemd unit'),
    ])
  })
})

describe('enable', () => {
  test.each([
    ['copy', 'copy'],
    ['reload-nginx', 'reload'],
    ['restart-my@1.service', 'reload'],
  ])('%s: as it comes, executable; twice is the same as once', async (name, file) => {
    const { context, files } = machine()
    expect(await enableHook(context.world, name)).toMatchObject({ path: `${folder}/${name}`, origin: 'shipped' })
    expect(files.text(`${folder}/${name}`)).toBe(shipped(file))
    expect(files.info(`${folder}/${name}`)?.mode).toBe(0o755)
    const before = files.changes
    await enableHook(context.world, name)
    expect(files.changes).toBe(before)
  })

  test.each([
    ['an older one', older],
    ['an empty one', ''],
  ])('%s is replaced, in whichever folder it is', async (_, text) => {
    const path = '/usr/lib/acme/hooks/reload'
    const { context, files } = machine({ files: { [path]: text }, folders: [folder] })
    await enableHook(context.world, 'reload')
    expect(files.text(path)).toBe(shipped('reload'))
    expect(files.info(`${folder}/reload`)).toBeUndefined()
  })

  test('one of somebody else stays', async () => {
    const { context, files } = machine({ files: { [`${folder}/push`]: '#!/bin/sh\nmine\n' } })
    await expect(enableHook(context.world, 'push')).rejects.toMatchObject({
      code: 'CONFIG',
      message: '/etc/acme/hooks/push is not ours, and stays as it is',
    })
    expect(files.text(`${folder}/push`)).toBe('#!/bin/sh\nmine\n')
  })

  test.each(['enable', 'disable'] as const)('%s by who may not write there says so, and as whom', async action => {
    const on = machine()
    if (action === 'disable') await enableHook(on.context.world, 'push')
    on.files.options = { ...on.files.options, fail: (_, path) => (path.startsWith(folder) ? 'EACCES' : undefined) }
    await expect(hook.run({ what: action, words: ['push'] }, on.context)).rejects.toMatchObject({
      code: 'STATE',
      hint: 'do it as root, or name a folder of yours with --hooks',
    })
  })

  test('where one of its name would not be run, that is an error line', async () => {
    const { context, said, files } = machine()
    files.putFolder(folder, 0o777)
    await hook.run({ what: 'enable', words: ['copy'] }, context)
    expect(said).toEqual([
      expect.stringMatching(/^error: .etc.acme.hooks.copy is not run: .etc.acme.hooks may be changed by everybody/),
      expect.stringMatching(/^notice: the hook copy does nothing until there is .etc.dns01.copy; its first lines/),
    ])
  })
})

describe('disable', () => {
  test('what quickstart would bring back leaves an empty file, others go', async () => {
    const { context, files } = machine()
    for (const name of ['reload', 'copy', 'reload-nginx']) await enableHook(context.world, name)
    expect(await disableHook(context.world, 'reload')).toBe(`${folder}/reload`)
    expect(files.text(`${folder}/reload`)).toBe('')
    expect(files.info(`${folder}/reload`)?.mode).toBe(0o644)
    for (const name of ['copy', 'reload-nginx']) {
      expect(await disableHook(context.world, name)).toBe(`${folder}/${name}`)
      expect(files.info(`${folder}/${name}`)).toBeUndefined()
    }
    for (const name of ['reload', 'copy']) expect(await disableHook(context.world, name)).toBeUndefined()
  })

  test.each([
    ['push', older, 'is older or has been changed'],
    ['push', '#!/bin/sh\n', 'is not ours'],
    ['backup', '#!/bin/sh\n', 'is not ours'],
  ])('%s that is not as it came stays: %j', async (name, text, why) => {
    const { context, files } = machine({ files: { [`${folder}/${name}`]: text } })
    await expect(disableHook(context.world, name)).rejects.toMatchObject({
      message: `${folder}/${name} ${why}, and stays as it is`,
      hint: expect.stringContaining(`rm ${folder}/${name}`),
    })
    expect(files.text(`${folder}/${name}`)).toBe(text)
  })
})

test.each([
  [['enable', 'nginx'], 'no hook "nginx" comes with dns01', 'dns01 hook enable reload-nginx'],
  [['enable', 'pusch'], 'no hook "pusch"', 'did you mean "push"?'],
  [['enable', '../x'], 'no hook "../x"', 'there are haproxy, reload, copy'],
  [['disable', 'reload-'], 'no hook "reload-"', 'did you mean "reload"?'],
  [['enable'], 'hook enable takes the name of one hook', 'dns01 hook list'],
  [['enable', 'copy', 'push'], 'hook enable takes the name of one hook', 'dns01 hook list'],
  [['list', 'copy'], 'hook list takes no name', 'dns01 hook list'],
  [['lst'], 'dns01 is not a hook of "lst"', 'did you mean "list"?'],
])('hook %j is refused with words', async ([what, ...words], message, hint) => {
  const { context } = machine()
  const said = hook.run({ what, words }, context)
  await expect(said).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining(message),
    hint: expect.stringContaining(hint),
  })
})

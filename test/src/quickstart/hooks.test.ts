import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openAnswers } from '../../../src/quickstart/answers.js'
import { installHooks, planHooks } from '../../../src/quickstart/hooks.js'
import { responses } from '../../../src/state/responses.js'
import { type Machine, type MachineOptions, machine } from '../../fakes/machine.js'

const three = ['/etc/acme/hooks', '/usr/libexec/acme/hooks', '/usr/lib/acme/hooks']
const shipped = (name: string): string => readFileSync(join(import.meta.dirname, '../../../hooks', name), 'utf8')

async function install(
  options: MachineOptions,
  { answers = {}, folders = three }: { answers?: Record<string, boolean>; folders?: string[] } = {},
): Promise<{ on: Machine; written: string[] }> {
  const on = machine(options)
  const answered = openAnswers(responses(new Map(Object.entries(answers))), undefined)
  const plan = await planHooks(on.context.world, { answers: answered, folders, expert: false })
  expect(on.files.changes, 'planning changes nothing').toBe(0)
  return { on, written: await installHooks(on.context.world, plan) }
}

describe('the folder', () => {
  test.each<[string, MachineOptions, string]>([
    ['the first of equals', {}, '/etc/acme/hooks'],
    ['the one that is there', { folders: ['/usr/lib/acme/hooks'] }, '/usr/lib/acme/hooks'],
    ['the one with fewer missing parts', { folders: ['/usr/libexec/acme'] }, '/usr/libexec/acme/hooks'],
  ])('%s', async (_, options, folder) => {
    const { on, written } = await install(options)
    expect(written).toEqual([`${folder}/haproxy`, `${folder}/reload`])
    expect(on.files.text(`${folder}/reload`)).toBe(shipped('reload'))
    expect(on.files.info(`${folder}/reload`)?.mode).toBe(0o755)
    expect(on.files.info(folder)?.mode).toBe(0o755)
  })
})

describe('what is there', () => {
  const path = '/etc/acme/hooks/reload'
  test.each<[string, string, boolean]>([
    ['an older one of ours or of acmetool is replaced', '#!/bin/sh\n##!acmetool-managed!##\nold', true],
    ['one that a user wrote stays', '#!/bin/sh\nmine', false],
    ['an empty one, by which users switch it off, stays', '', false],
    ['a mark after 4096 bytes does not count', `${'#'.repeat(4096)}#!acmetool-managed!#`, false],
  ])('%s', async (_, text, isReplaced) => {
    const { on, written } = await install({ files: { [path]: text } })
    expect(written.includes(path)).toBe(isReplaced)
    expect(on.files.text(path)).toBe(isReplaced ? shipped('reload') : text)
  })

  test('a link stays, wherever it leads', async () => {
    const { on, written } = await install({ links: { [path]: '/nowhere' } })
    expect(written).toEqual(['/etc/acme/hooks/haproxy'])
    expect(on.files.readLink(path)).toBe('/nowhere')
  })

  test('one that is the same already is not touched', async () => {
    const { on } = await install({})
    const { world } = on.context
    const answers = openAnswers(responses(new Map()), undefined)
    const before = on.files.changes
    expect(await installHooks(world, await planHooks(world, { answers, folders: three, expert: false }))).toEqual([])
    expect(on.files.changes).toBe(before)
  })
})

test('haproxy is left out when declined, but not when it is there already', async () => {
  const answers = { 'acmetool-quickstart-install-haproxy-script': false }
  expect((await install({}, { answers })).written).toEqual(['/etc/acme/hooks/reload'])
  const files = { '/etc/acme/hooks/haproxy': '##!acmetool-managed!##' }
  expect((await install({ files }, { answers })).written).toHaveLength(2)
})

test('where this user may not write, that is said and is not an error; a full disk is one', async () => {
  const failing = async (code: string) => {
    const on = machine()
    on.files.options = {
      ...on.files.options,
      fail: (_change, path) => (path.startsWith('/etc/acme') ? code : undefined),
    }
    const { world } = on.context
    const answers = openAnswers(responses(new Map()), undefined)
    const written = await installHooks(world, await planHooks(world, { answers, folders: three, expert: false }))
    return { written, said: on.said.join('\n') }
  }
  expect(await failing('EACCES')).toEqual({
    written: [],
    said: expect.stringMatching(/hook reload is not installed: .*EACCES.*--hooks/),
  })
  await expect(failing('ENOSPC')).rejects.toMatchObject({ code: 'STATE', message: expect.stringContaining('ENOSPC') })
})

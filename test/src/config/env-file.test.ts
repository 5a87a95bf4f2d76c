import { describe, expect, test } from 'vitest'
import { loadEnv } from '../../../src/config/env-file.js'
import { MemoryFiles } from '../../fakes/memory-files.js'

const standard = '/etc/dns01/env'

const load = (put: (files: MemoryFiles) => void, env: Record<string, string> = {}, flag?: string) => {
  const files = new MemoryFiles()
  put(files)
  return loadEnv(files, env, flag)
}

describe('loadEnv', () => {
  test('without a file it is the environment itself', async () => {
    expect(await load(() => {}, { A: '1' })).toEqual({ A: '1' })
  })

  test('reads comments, quotes and export as dotenv does', async () => {
    const text = '# AWS\nexport A=1\nB="two words"\nC=\'$raw\'\nD=x # comment\nE=\n'
    expect(await load(files => files.put(standard, text, 0o600))).toEqual({
      A: '1',
      B: 'two words',
      C: '$raw',
      D: 'x',
      E: '',
    })
  })

  // As sh, systemd (EnvironmentFile=) and Docker read it, wherever these agree.
  test.each<[string, string]>([
    ['abc#def', 'abc#def'],
    ['#abc', '#abc'],
    [' #abc', ''],
    ['abc #def', 'abc'],
    ['abc # d#e', 'abc'],
    ['ab#c # d', 'ab#c'],
    ['abc\t#def', 'abc'],
    ['  abc  ', 'abc'],
    ['two words', 'two words'],
    ['a=b==', 'a=b=='],
    ['a\\nb', 'a\\nb'],
    ['$raw', '$raw'],
    ['a"b"c', 'a"b"c'],
    ["it's", "it's"],
    ['a`b`c', 'a`b`c'],
    ['', ''],
    ['""', ''],
    ['"abc#def"', 'abc#def'],
    ['"abc #def" # comment', 'abc #def'],
    ["'a\\nb'", 'a\\nb'],
    ["'a`b'", 'a`b'],
    ["'ends with \\'", 'ends with \\'],
    ["' abc '", ' abc '],
    ['"it\'s"', "it's"],
    ["'-----BEGIN-----\nA=1\n#B\n-----END-----'", '-----BEGIN-----\nA=1\n#B\n-----END-----'],
  ])('A=%j has the value %j', async (written, value) => {
    for (const end of ['', '\n', '\r\n']) {
      const text = `A=${written}\nB=behind${end}`
      expect(await load(files => files.put(standard, text, 0o600))).toEqual({ A: value, B: 'behind' })
    }
  })

  test.each<[string, number, string]>([
    ['A=1\n\n# x\nhush-hush\n', 4, 'is not NAME=value'],
    ['hush-hush', 1, 'is not NAME=value'],
    ['A: hush-hush', 1, 'is not NAME=value'],
    ['export A', 1, 'is not NAME=value'],
    ['A B=hush-hush', 1, 'is not NAME=value'],
    ['=hush-hush', 1, 'is not NAME=value'],
    ["K='\n1\n2'\nhush-hush", 4, 'is not NAME=value'],
    ['A="hush-hush', 1, 'the value of A has no closing "'],
    ["B=1\nA='hush-hush", 2, "the value of A has no closing '"],
    ['A="hush"hush', 1, 'the value of A goes on after the closing "'],
    ["A='hush' hush", 1, "the value of A goes on after the closing '"],
    ['A="hush"#hush', 1, 'the value of A goes on after the closing "'],
    ["A='hush\\'hush'", 1, "the value of A goes on after the closing '"],
    ['A="hush\\nhush"', 1, 'the value of A has a backslash in double quotes'],
    ['A=`hush`', 1, 'the value of A begins with a backquote'],
  ])('%j is refused, with its line and without its value', async (text, line, why) => {
    const error = await load(files => files.put(standard, text, 0o600)).catch(error => error)
    expect(error).toMatchObject({ code: 'CONFIG' })
    expect(error.message.replace('the env file /etc/dns01/env', 'FILE')).toMatch(
      new RegExp(`^line ${line} of FILE:? ${why}$`),
    )
    expect(error.hint).toMatch(/quotes/)
    expect(error.message + error.hint).not.toContain('hush')
  })

  test('what is set already wins', async () => {
    expect(await load(files => files.put(standard, 'A=file\nB=file', 0o600), { A: 'env' })).toEqual({
      A: 'env',
      B: 'file',
    })
  })

  test.each<[string, Record<string, string>, string | undefined, string]>([
    ['the standard place', {}, undefined, 'standard'],
    ['DNS01_ENV_FILE', { DNS01_ENV_FILE: '/env/variable' }, undefined, 'variable'],
    ['--env-file', {}, '/env/flag', 'flag'],
    ['--env-file before DNS01_ENV_FILE', { DNS01_ENV_FILE: '/env/variable' }, '/env/flag', 'flag'],
    ['an empty DNS01_ENV_FILE counts for nothing', { DNS01_ENV_FILE: '' }, undefined, 'standard'],
  ])('%s', async (_, env, flag, from) => {
    const put = (files: MemoryFiles) => {
      files.put(standard, 'FROM=standard', 0o600)
      files.put('/env/variable', 'FROM=variable', 0o600)
      files.put('/env/flag', 'FROM=flag', 0o600)
    }
    expect(await load(put, env, flag)).toMatchObject({ FROM: from })
  })

  test('a file that was named must be there', async () => {
    await expect(load(() => {}, {}, '/nowhere')).rejects.toMatchObject({
      code: 'CONFIG',
      message: 'there is no env file /nowhere',
      hint: 'see --env-file and DNS01_ENV_FILE',
    })
  })

  describe.each(['info', 'read'] as const)('that this user may not read (%s says EACCES)', call => {
    const deny = (files: MemoryFiles) => {
      for (const path of [standard, '/root/env']) files.put(path, 'A=2', 0o600)
      files[call] = () => {
        throw Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' })
      }
    }

    test('is passed over at the standard place: it is for others', async () => {
      expect(await load(deny, { A: '1' })).toEqual({ A: '1' })
    })

    test('is an error when it was named', async () => {
      await expect(load(deny, {}, '/root/env')).rejects.toMatchObject({
        code: 'CONFIG',
        message: expect.stringMatching(/^cannot read the env file \/root\/env: EACCES/),
      })
    })
  })

  test.each([0o604, 0o644, 0o606, 0o601])(
    'mode %i lets everybody in: refused, with the chmod that mends it',
    async mode => {
      const asked = load(files => files.put(standard, 'TOKEN=hush-hush', mode))
      await expect(asked).rejects.toMatchObject({
        code: 'CONFIG',
        message: 'the env file /etc/dns01/env may hold a secret and everybody can read it',
        hint: 'chmod o= /etc/dns01/env',
      })
    },
  )

  test.each([0o600, 0o640, 0o400])('mode %i is fine', async mode => {
    expect(await load(files => files.put(standard, 'A=1', mode))).toEqual({ A: '1' })
  })

  test('a link is judged by where it leads', async () => {
    const put = (mode: number) => (files: MemoryFiles) => {
      files.put('/srv/secrets/env', 'A=1', mode)
      files.putLink(standard, '../../srv/secrets/env')
    }
    expect(await load(put(0o600))).toEqual({ A: '1' })
    await expect(load(put(0o644))).rejects.toMatchObject({ code: 'CONFIG', hint: 'chmod o= /srv/secrets/env' })
  })

  test.each([
    ['a folder', (files: MemoryFiles) => files.putFolder(standard), 'EISDIR'],
    ['a link to nothing', (files: MemoryFiles) => files.putLink(standard, 'gone'), 'ENOENT'],
  ])('%s cannot be read', async (_, put, code) => {
    await expect(load(put)).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(new RegExp(`^cannot read the env file ${standard}: .*${code}`)),
    })
  })
})

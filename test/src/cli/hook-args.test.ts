import { describe, expect, test } from 'vitest'
import { parseHookLine } from '../../../src/cli/hook-args.js'

const argsOf = (line: string) => parseHookLine(line.split(' '))?.args
const wordsAfter = (line: string) => argsOf(line)?.words

describe('every word after the dialect is left alone', () => {
  test.each([
    ['hook lego present -- x.test -token --key', ['present', '--', 'x.test', '-token', '--key']],
    ['hook uacme begin dns-01 x.test t --help', ['begin', 'dns-01', 'x.test', 't', '--help']],
    [
      'hook acmetool challenge-dns-start x.test hook -v --state 007',
      ['challenge-dns-start', 'x.test', 'hook', '-v', '--state', '007'],
    ],
    ['hook certbot', []],
  ])('%s', (line, words) => {
    expect(wordsAfter(line)).toEqual(words)
  })

  test('an empty one, too', () => {
    expect(parseHookLine(['hook', 'acmetool', 'x', '', ''])?.args.words).toEqual(['x', '', ''])
  })
})

test.each([
  'hook --provider route53 --no-wait --env-file /e -vv lego x',
  '--provider=route53 --no-wait --env-file=/e -v -v hook lego x',
  '-v --env-file /e hook -v --no-wait --provider route53 lego x',
])('flags stand before the dialect: %s', line => {
  const { args, flags } = parseHookLine(line.split(' ')) ?? {}
  expect(args).toMatchObject({ provider: 'route53', wait: false, what: 'lego', words: ['x'] })
  expect(flags).toMatchObject({ envFile: '/e', severity: 'DEBUG' })
})

test('--wait and --quiet', () => {
  const { args, flags } = parseHookLine(['hook', '--wait', '-q', 'lego']) ?? {}
  expect(args).toMatchObject({ wait: true })
  expect(flags).toMatchObject({ severity: 'ERROR' })
})

test.each(['want hook', 'hook', '--state hook status', 'hook --help', 'hook -h lego', '--nonsense x hook lego'])(
  'is left to the other parser: %s',
  line => {
    expect(parseHookLine(line.split(' '))).toBeUndefined()
  },
)

test.each([
  ['hook --provder x lego', 'there is no flag --provder', 'did you mean "provider"?'],
  ['hook --provider x --provider y lego', '--provider is given several times', undefined],
  ['hook -x lego', 'there is no flag -x', expect.stringContaining('known are')],
])('refuses %s', (line, message, hint) => {
  expect(() => parseHookLine(line.split(' '))).toThrow(expect.objectContaining({ code: 'USAGE', message, hint }))
})

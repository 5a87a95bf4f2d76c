import { describe, expect, test } from 'vitest'
import {
  type Code,
  codeOf,
  Dns01Error,
  exitStatus,
  FAULTS,
  hintsOf,
  linesOf,
  messageOf,
  withDetails,
} from '../../../src/core/errors.js'

const of = (code: Code) => new Dns01Error(code, code)

describe('exitStatus: the lowest wins', () => {
  test.each<[unknown[], number]>([
    [[], 0],
    [[of('HOOK')], 8],
    [[of('HOOK'), of('UNAVAILABLE'), of('REFUSED')], 6],
    [[of('NOT_VISIBLE')], 7],
    [[of('LOCKED')], 5],
    [[of('CONFIG'), of('STATE')], 3],
    [[of('CONFIG'), new TypeError('x is undefined')], 1],
    [['a text that was thrown'], 1],
  ])('%j → %i', (errors, exit) => {
    expect(exitStatus(errors)).toBe(exit)
  })
})

test('only what may pass by itself is tried again', () => {
  const again = Object.entries(FAULTS).filter(([, fault]) => fault.again)
  expect(again.map(([code]) => code)).toEqual(['LOCKED', 'UNAVAILABLE', 'NOT_VISIBLE', 'HOOK'])
})

test('an error keeps its cause, hint and Retry-After', () => {
  const cause = new Error('below')
  const error = new Dns01Error('UNAVAILABLE', 'above', { cause, hint: 'wait', retryAfterSeconds: 7 })
  expect(error).toMatchObject({ name: 'Dns01Error', message: 'above', cause, hint: 'wait', retryAfterSeconds: 7 })
  expect('cause' in of('USAGE')).toBe(false)
})

test('a hint of several lines keeps them in another error; breaks inside of a line are shown', () => {
  const error = new Dns01Error('CONFIG', 'none is given', { hint: ['get it', 'a\n  b'] })
  const hint = hintsOf(error.hint) ?? []
  expect(hint).toEqual(['get it', 'a\\n  b'])
  expect(linesOf(new Dns01Error('CONFIG', 'x', { hint }))).toEqual(['x', 'get it', 'a\\n  b'])
  expect(linesOf(withDetails(error, { doubtsName: true }))).toEqual(['none is given', 'get it', 'a\\n  b'])
  expect(hintsOf(withDetails(of('STATE'), {}).hint)).toBeUndefined()
})

test.each(['EMFILE', 'ENFILE'])('%s may come from anywhere, and does not count as a bug', code => {
  const error = Object.assign(new Error(`${code}: too many open files, open '/x'`), { code })
  expect(codeOf(error)).toBe('STATE')
  expect(exitStatus([error])).toBe(4)
  expect(linesOf(error)).toEqual([
    expect.stringMatching(/may not open any more files or connections: E.FILE: too many open files, open '\/x'$/),
    'raise the limit (ulimit -n)',
  ])
})

test.each(['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO'])(
  '%s of a path is the machine’s, and does not count as a bug; of a connection it is for whoever made it',
  code => {
    const error = Object.assign(new Error(`${code}: it says no, lstat '/x'`), { code, path: '/x' })
    expect(codeOf(error)).toBe('STATE')
    expect(linesOf(error)).toEqual([`${code}: it says no, lstat '/x'`, expect.stringMatching(/./)])
    expect(codeOf(Object.assign(new Error(code), { code }))).toBe('BUG')
    expect(codeOf(Object.assign(new Error('ENOENT'), { code: 'ENOENT', path: '/x' }))).toBe('BUG')
  },
)

test('codeOf and messageOf take anything', () => {
  expect([codeOf(of('STATE')), codeOf(new Error('x')), codeOf(undefined)]).toEqual(['STATE', 'BUG', 'BUG'])
  expect([messageOf(new Error('x')), messageOf('y'), messageOf(undefined)]).toEqual(['x', 'y', 'undefined'])
})

import { describe, expect, test } from 'vitest'
import {
  isProblem,
  isTemporaryStatus,
  type Problem,
  problemError,
  problemOf,
  readProblem,
} from '../../../src/acme/problem.js'

const urn = (type: string): string => `urn:ietf:params:acme:error:${type}`
const told = (type: string, detail = 'because', more: Partial<Problem> = {}): Problem => ({
  type: urn(type),
  detail,
  ...more,
})

describe('problemError', () => {
  test.each([
    ['rateLimited', 'UNAVAILABLE', /rate limit of the CA/],
    ['serverInternal', 'UNAVAILABLE', /internal error/],
    ['badNonce', 'UNAVAILABLE', /nonces/],
    ['caa', 'REFUSED', /CAA records forbid/],
    ['dns', 'REFUSED', /problem looking up/],
    ['connection', 'REFUSED', /could not connect/],
    ['unauthorized', 'REFUSED', /not authorized/],
    ['badCSR', 'REFUSED', /certificate request/],
    ['rejectedIdentifier', 'REFUSED', /does not issue for this name/],
    ['externalAccountRequired', 'REFUSED', /external account/],
    ['userActionRequired', 'REFUSED', /requires you to do something/],
    ['malformed', 'REFUSED', /make sense/],
  ])('%s is %s, in words, with its detail', (type, code, words) => {
    const error = problemError(told(type), { what: 'newOrder', status: 403 })
    expect(error.code).toBe(code)
    expect(error.message).toMatch(words)
    expect(error.message).toMatch(new RegExp(`^newOrder: .*\\(${type}\\): because$`))
  })

  test.each([
    'caa',
    'dns',
    'unauthorized',
    'connection',
    'rateLimited',
    'badCSR',
    'rejectedIdentifier',
    'externalAccountRequired',
  ])('%s has a hint', type => expect(problemError(told(type), { what: 'x' }).hint).toMatch(/\w+ \w+/))

  test.each([408, 429, 500, 502, 503])('a problem of no known type with status %d is UNAVAILABLE', status => {
    expect(problemError({ type: 'about:blank', detail: 'x' }, { what: 'x', status }).code).toBe('UNAVAILABLE')
  })

  test('what the CA has not implemented (501) is refused for good, whatever type it chose', () => {
    const error = problemError(told('rejectedIdentifier', 'The requested operation is not implemented'), {
      what: 'keyChange',
      status: 501,
    })
    expect(error).toMatchObject({ code: 'REFUSED', hint: undefined })
    expect(error.message).toBe('keyChange: this CA has not implemented it: The requested operation is not implemented')
    expect(error.doubtsName).toBeFalsy()
  })

  test.each([
    [408, true],
    [429, true],
    [500, true],
    [501, false],
    [502, true],
    [504, true],
    [404, false],
    [200, false],
    [undefined, false],
  ])('an answer with status %s may pass by itself: %s', (status, temporary) => {
    expect(isTemporaryStatus(status)).toBe(temporary)
  })

  test('keeps the document whole and tells every subproblem by name', () => {
    const document = told('malformed', 'two names', {
      subproblems: [
        { type: urn('rejectedIdentifier'), detail: 'policy', identifier: { type: 'dns', value: 'a.test' } },
        { type: urn('caa'), detail: 'CAA', identifier: { type: 'dns', value: 'b.test' } },
      ],
    })
    const error = problemError(document, { what: 'newOrder' })
    expect(error.message).toMatch(/two names; a\.test: policy \(rejectedIdentifier\); b\.test: CAA \(caa\)$/)
    expect(problemOf(error)).toEqual(document)
    expect(isProblem(error, 'malformed')).toBe(true)
    expect(isProblem(error, 'caa')).toBe(false)
    expect(isProblem(new TypeError('x'), 'caa')).toBe(false)
  })

  test('gives the link of an account that is paused, and does not call that temporary', () => {
    const detail =
      'Your account is paused. Please visit the self-service portal: https://portal.test/unpause?jwt=a.b.c.'
    const error = problemError(told('rateLimited', detail), { what: 'newOrder', status: 429 })
    expect(error.code).toBe('REFUSED')
    expect(error.hint).toBe('this account is paused for the name; open https://portal.test/unpause?jwt=a.b.c')
    expect(error.retryAfterSeconds).toBeUndefined()
  })

  test('shows the links of userActionRequired', () => {
    const context = { what: 'newOrder', termsOfService: 'https://ca.test/terms' }
    const error = problemError(told('userActionRequired', 'x', { instance: 'https://ca.test/agree' }), context)
    expect(error.hint).toMatch(/https:\/\/ca\.test\/terms https:\/\/ca\.test\/agree/)
  })

  test('waits for a rate limit as long as it says, and leaves one that says nothing to the next run', () => {
    const limited = (retryAfterSeconds?: number) => problemError(told('rateLimited'), { what: 'x', retryAfterSeconds })
    expect(limited(7).retryAfterSeconds).toBe(7)
    expect(limited().retryAfterSeconds).toBeGreaterThan(120)
  })
})

describe('readProblem', () => {
  test('passes over members of a wrong type', () => {
    const data = { type: urn('dns'), detail: 7, status: 'x', subproblems: 'none', instance: null }
    expect(readProblem(data)).toEqual({ type: urn('dns') })
  })

  test.each([undefined, null, 'text', [], {}, { type: 3 }])('%j is none', data =>
    expect(readProblem(data)).toBeUndefined(),
  )
})

test('what a CA says cannot steer a terminal', () => {
  const { message } = problemError(told('dns', 'a\u001b[2Jb\r\nc\u202ed'), { what: 'newOrder' })
  expect(message).toMatch(/: a\\x1b\[2Jb\\r\\nc\\u202ed$/)
})

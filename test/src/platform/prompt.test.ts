import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { Prompt } from '../../../src/core/world.js'
import { gatedPrompt, plainPrompt } from '../../../src/platform/prompt.js'

/** A prompt whose standard input is these lines and then ends, and all that it wrote. */
function answering(...lines: string[]): { readonly prompt: Prompt; readonly written: string[] } {
  const input = new PassThrough()
  input.end(lines.map(line => `${line}\n`).join(''))
  const written: string[] = []
  return { prompt: plainPrompt(input, text => void written.push(text), new AbortController().signal), written }
}

const CAS = [
  { value: 'https://ca.test/directory', label: 'Production' },
  { value: 'https://staging.test/directory', label: 'Staging', hint: 'for trials' },
  { value: 'url', label: 'another CA' },
]
const refusal = { code: 'CONFIG', message: expect.stringContaining('is not') }

describe('a choice on standard input', () => {
  test.each([
    ['its number', '2'],
    ['its value', 'https://STAGING.test/directory'],
    ['its label, in any case', ' staging '],
  ])('is told by %s', async (_, said) => {
    expect(await answering(said).prompt.select('Which CA?', CAS)).toBe('https://staging.test/directory')
  })

  test.each(['9', '0', '-1', 'stag', '', '2nd'])(
    'an answer that is none of them (%j) is asked for again, and not taken for the first',
    async said => {
      const { prompt, written } = answering(said, '3')
      expect(await prompt.select('Which CA?', CAS)).toBe('url')
      expect(written.join('')).toContain(`${JSON.stringify(said)} is not a number from 1 to 3`)
    },
  )

  test('three answers that are not among the choices end the question', async () => {
    await expect(answering('9', 'x', '', '1').prompt.select('Which CA?', CAS)).rejects.toMatchObject(refusal)
  })

  test('an empty line takes the default, which is shown', async () => {
    const { prompt, written } = answering('')
    expect(await prompt.select('Which CA?', CAS, 'url')).toBe('url')
    expect(written.join('')).toContain('Your choice [3]: ')
  })
})

describe('yes or no on standard input', () => {
  test.each([
    ['y', true],
    ['YES', true],
    ['n', false],
    ['No', false],
  ])('%s', async (said, meaning) => {
    expect(await answering(said).prompt.confirm('Sure?')).toBe(meaning)
  })

  test.each(['maybe', '', 'yess'])('%j is asked again, and does not count as no', async said => {
    expect(await answering(said, 'yes').prompt.confirm('Sure?')).toBe(true)
  })

  test('three answers that are neither end it', async () => {
    await expect(answering('1', '2', '3').prompt.confirm('Sure?')).rejects.toMatchObject(refusal)
  })
})

describe('text on standard input', () => {
  test('an empty line is the initial text, or no text', async () => {
    const { prompt } = answering('', '', ' said ', 's3cret')
    expect(await prompt.text('Where?', 'here')).toBe('here')
    expect(await prompt.text('Where?')).toBe('')
    expect(await prompt.text('Where?', 'here')).toBe('said')
    expect(await prompt.secret('Password?')).toBe('s3cret')
  })
})

test.each(['confirm', 'text', 'secret', 'select'] as const)(
  'the end of standard input is not an answer: %s',
  async kind => {
    const { prompt } = answering()
    const asked = kind === 'select' ? prompt.select('Which CA?', CAS, 'url') : prompt[kind]('Where?')
    await expect(asked).rejects.toMatchObject({
      code: 'CONFIG',
      message: expect.stringContaining('standard input ended'),
    })
  },
)

test('terms of service and file names cannot steer the terminal that is asked', async () => {
  const { prompt, written } = answering('yes', 'x', 'x', '1')
  const gated = gatedPrompt(prompt)
  const evil = 'https://ca.test/\x1b[2J\nerror: forged\u202e'
  await gated.confirm(evil)
  await gated.text(evil)
  await gated.secret(evil)
  expect(await gated.select(evil, [{ value: evil, label: evil, hint: evil }])).toBe(evil)
  gated.note(`two lines\n${evil.replace('\n', '')}`)
  expect(written.join('').replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(written.join('')).not.toMatch(/^error: forged/m)
  expect(written.join('')).toContain('two lines\n')
})

test('a question ends when the run is stopped', async () => {
  const stopping = new AbortController()
  const prompt = plainPrompt(new PassThrough(), () => {}, stopping.signal)
  const asked = prompt.confirm('Sure?')
  stopping.abort(new Error('stopped by SIGTERM'))
  await expect(asked).rejects.toThrow('stopped by SIGTERM')
})

import { describe, expect, test } from 'vitest'
import { html } from '../../../src/report/html.js'
import { attention } from '../../../src/report/html-attention.js'
import { writeReport } from '../../../src/report/html-file.js'
import { BEGINNING, page } from '../../../src/report/html-page.js'
import { axisFor, bar, percent } from '../../../src/report/html-timeline.js'
import { NOW, reportFacts, target } from '../../fakes/report-facts.js'
import { stateWorld } from '../../fakes/state-world.js'

const days = (count: number): Date => new Date(NOW.getTime() + count * 86_400_000)

describe('html', () => {
  test.each([
    ['<b>&"\'`', '&#60;b&#62;&#38;&#34;&#39;&#96;'],
    ['a\u202eb\u0000\n', 'a\\u202eb\\x00\\n'],
    [12, '12'],
    [undefined, ''],
    [['<', html`<i>${'>'}</i>`], '&#60;<i>&#62;</i>'],
  ])('makes %j harmless', (given, expected) => {
    expect(html`${given}`.text).toBe(expected)
  })

  test('takes nothing from a file for HTML, whatever it says of itself', () => {
    expect(html`${String({ text: '<b>' })}`.text).toBe('[object Object]')
    expect(() => html`${{ text: '<b>' } as never}`.text).toThrow()
  })
})

describe('the time line', () => {
  const axis = { from: days(-10), to: days(90), marks: [] }
  test.each([
    ['where an instant is', days(40), 50],
    ['the edge for what is before', days(-400), 0],
    ['the edge for what is after', days(400), 100],
  ])('%s', (_, at, expected) => {
    expect(percent(axis, at)).toBe(expected)
  })

  test.each([
    ['good, then to be renewed', { notBefore: days(0), notAfter: days(90), renewAt: days(60) }, 'v 10 60, w 70 30'],
    ['to be renewed at once', { notBefore: days(0), notAfter: days(90), renewAt: days(-5) }, 'w 10 90'],
    ['over', { notBefore: days(-9), notAfter: days(-1), renewAt: days(-4) }, 'v 1 5, w 6 3'],
    ['too short to be seen', { notBefore: days(0), notAfter: days(0.1), renewAt: days(0.05) }, 'v 10 0.1, w 10.1 0.5'],
    ['of a certificate that is not there', {}, ''],
  ])('a bar: %s', (_, dates, expected) => {
    const parts = [...bar(dates, axis).text.matchAll(/class=(\w) x=([\d.]+)% width=([\d.]+)%/g)]
    expect(parts.map(([, ...part]) => part.join(' ')).join(', ')).toBe(expected)
  })

  test.each([
    ['of days', 1.5, 3],
    ['of 90 days', 20, 90],
    ['of ten years', 365, 3650],
  ])('has an axis with two to eight marks for certificates %s', (_, age, life) => {
    const { from, to, marks } = axisFor([{ notBefore: days(-age), notAfter: days(life - age) }], NOW)
    expect(marks.length).toBeGreaterThanOrEqual(2)
    expect(marks.length).toBeLessThanOrEqual(8)
    expect(from < NOW && NOW < to).toBe(true)
    expect(to.getTime() - from.getTime()).toBeLessThan(270 * 86_400_000)
  })
})

describe('what needs attention', () => {
  const of = (...more: Parameters<typeof reportFacts>) => attention(reportFacts(...more))

  test('is worst first, with what failed, what to do, and how long the certificate in use is good', () => {
    expect(of(13)).toEqual([
      expect.objectContaining({ urgency: 'broken', title: 'old.example.com' }),
      {
        urgency: 'troubled',
        title: 'mail.example.com',
        word: 'fails',
        names: [],
        texts: [
          'Its certificate is to be renewed; next try 2026-11-22T15:30Z.',
          expect.stringMatching(/^Failed 3 times since 2026-11-21T03:30Z: the CA refused .*\.$/),
          'dns01 probe mail.example.com shows what each server answers.',
          'dns01 reconcile --force mail.example.com tries now.',
          'The certificate in use is good for 15 d, until 2026-12-07.',
        ],
        command: 'dns01 status mail.example.com',
      },
    ])
  })

  test('is one thing where many fail for the same reason', () => {
    const failure = { code: 'UNAVAILABLE', message: 'no answer', since: NOW, last: NOW, times: 1, nextTry: NOW }
    const targets = [70, 80, 75].map((age, i) => target(`h${i}.test`, age, { urgency: 'troubled', failure }))
    const { document } = reportFacts(0)
    const [one, ...more] = of(0, { document: { ...document, targets } })
    expect(more).toEqual([])
    expect(one).toMatchObject({ title: '3 certificates', names: ['h1.test', 'h2.test', 'h0.test'] })
    expect(one?.texts.at(-1)).toBe('The first of those in use is good for 10 d, until 2026-12-02.')
  })

  test('is nothing when all is well, and wrong settings, left records and silence are something', () => {
    const { document } = reportFacts(0)
    expect(of(0)).toEqual([])
    const wrong = { ...document, problems: [{ message: 'x: line 3', hint: 'do this' }], recordsLeft: 1, unusedKeys: 2 }
    expect(of(0, { document: wrong }).map(({ title }) => title)).toEqual(['Settings', 'DNS', 'Keys'])
    const [silent] = of(0, { lastQuiet: days(-3) })
    expect(silent).toMatchObject({
      title: 'Runs',
      texts: ['No run has ended well since 2026-11-19T09:30Z.', 'The last one ended with status 6.'],
    })
    expect(of(0, { lastQuiet: undefined, runs: [] })).toEqual([])
  })
})

describe('the file', () => {
  const text = page(reportFacts(1))

  test('is written whole, readable by all, and takes the place of an older report, whose mode it keeps', async () => {
    const { world, files } = stateWorld()
    files.putFolder('/srv')
    expect(await writeReport(world, '/srv/r.html', text)).toBe('/srv/r.html')
    expect(files.tree('/srv')).toEqual(['file 644 r.html'])
    files.put('/srv/r.html', `${BEGINNING}old`, 0o600)
    await writeReport(world, '/srv/r.html', text)
    expect(files.text('/srv/r.html')).toBe(text)
    expect(files.tree('/srv')).toEqual(['file 600 r.html'])
  })

  test.each([
    ['/srv/page.html', 'USAGE', /is there, and is no report of dns01: it is left as it is/],
    ['/srv', 'USAGE', /\/srv is a folder/],
    ['/srv/link', 'USAGE', /\/srv\/link is a link/],
    ['/nowhere/r.html', 'USAGE', /there is no folder \/nowhere/],
  ])('%s is refused, and nothing changes', async (path, code, message) => {
    const { world, files } = stateWorld()
    files.put('/srv/page.html', '<!doctype html>\n<p>mine')
    files.putLink('/srv/link', 'page.html')
    const before = files.changes
    await expect(writeReport(world, path, text)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    })
    expect(files.changes).toBe(before)
  })

  test('that cannot be written leaves the older one', async () => {
    const { world, files } = stateWorld()
    files.put('/srv/r.html', `${BEGINNING}old`)
    files.options = { ...files.options, fail: () => 'ENOSPC' }
    await expect(writeReport(world, '/srv/r.html', text)).rejects.toMatchObject({ code: 'STATE' })
    expect(files.text('/srv/r.html')).toBe(`${BEGINNING}old`)
  })
})

test('a page allows nothing but its own style and script, and has the same policy for the same page', () => {
  const [, policy] = page(reportFacts(3)).match(/Content-Security-Policy content="([^"]*)"/) ?? []
  expect(policy?.replaceAll('&#39;', "'")).toMatch(
    /^default-src 'none'; style-src 'sha256-[\w+/=]{44}'; script-src 'sha256-[\w+/=]{44}'; img-src data:; base-uri 'none'; form-action 'none'$/,
  )
  expect(page(reportFacts(3))).toBe(page(reportFacts(3)))
})

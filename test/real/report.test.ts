// The report as a browser shows it: Debian's Chromium, headless. One browser for all cases.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ReportFacts } from '../../src/report/html-facts.js'
import { page as pageOf } from '../../src/report/html-page.js'
import { reportFacts, target } from '../fakes/report-facts.js'
import { type StartedBrowser, startBrowser } from './servers/browser.js'
import { lacking } from './servers/need.js'
import { temporaryFolder } from './servers/process.js'

const [wide, narrow] = [1280, 320]

interface Shown {
  readonly page: Page
  /** What the console said, and pages that were asked for besides the report. */
  readonly complaints: string[]
}

describe.skipIf(lacking('chromium'))('the report in Chromium', () => {
  let started: StartedBrowser
  const folder = temporaryFolder('report')
  beforeAll(async () => {
    started = await startBrowser()
  })
  afterAll(async () => {
    await started?.stop()
    folder.remove()
  })

  let count = 0
  const show = async (facts: ReportFacts, look: BrowserContextOptions = {}): Promise<Shown> => {
    const path = join(folder.path, `${++count}.html`)
    writeFileSync(path, pageOf(facts))
    const context = await started.browser.newContext({ viewport: { width: wide, height: 800 }, ...look })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', message => complaints.push(message.text()))
    page.on('pageerror', error => complaints.push(error.message))
    page.on('request', request => {
      if (request.url() !== `file://${path}` && !request.url().startsWith('data:')) complaints.push(request.url())
    })
    await page.goto(`file://${path}`)
    return { page, complaints }
  }
  const close = (page: Page): Promise<void> => page.context().close()
  const rows = (page: Page) => page.locator('#list li:visible')
  const sidewards = (page: Page): Promise<number> =>
    page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')

  test.each([
    ['light', wide],
    ['light', narrow],
    ['dark', wide],
    ['dark', narrow],
  ] as const)('is accessible, fits and says nothing on the console: %s, %i pixels', async (colorScheme, width) => {
    const { page, complaints } = await show(everything(colorScheme === 'light' && width === wide ? 42 : 8), {
      colorScheme,
      viewport: { width, height: 800 },
    })
    await page.evaluate("for (const one of document.querySelectorAll('.g, .m, .c:nth-child(1)')) one.open = true")
    const { violations } = (await page.evaluate(`${axe.source}; axe.run()`)) as {
      violations: { id: string; nodes: { html: string; failureSummary: string }[] }[]
    }
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`)).toEqual([])
    expect(await sidewards(page)).toBe(0)
    expect(complaints).toEqual([])
    await close(page)
  })

  test('needs no script: everything is there, groups and details open, and there is no search that would do nothing', async () => {
    const { page, complaints } = await show(reportFacts(60), { javaScriptEnabled: false })
    expect(await page.locator('h2').allTextContents()).toEqual(['Needs attention', 'Certificates', 'Runs', 'CAs'])
    expect(await page.locator('#list li').count()).toBe(60)
    expect(await page.locator('#find').isVisible()).toBe(false)
    const first = page.locator('#list .c').first()
    expect(await first.locator('dl').isVisible()).toBe(false)
    await first.locator('summary').press('Enter')
    expect(await first.locator('dl').isVisible()).toBe(true)
    expect(complaints).toEqual([])
    await close(page)
  })

  test('finds a name among three thousand, in under 3 MB', async () => {
    const facts = reportFacts(3000)
    expect(pageOf(facts).length).toBeLessThan(3_000_000)
    const began = performance.now()
    const { page, complaints } = await show(facts, { viewport: { width: narrow, height: 800 } })
    const seconds = (performance.now() - began) / 1000
    expect(await sidewards(page)).toBe(0)
    await page.getByLabel('Search').fill('vault117.')
    await page.locator('output:has-text("1 of 3000")').waitFor()
    expect(await rows(page).locator('b').allTextContents()).toEqual(['vault117.example.com'])
    await page.getByLabel('Search').fill('')
    await page.getByLabel('Order').selectOption('name')
    const named = page.locator('#list li b')
    expect([await named.nth(0).textContent(), await named.nth(1).textContent()]).toEqual([
      'backup.example.com',
      'backup1.example.com',
    ])
    await page.getByLabel('Order').selectOption('')
    expect(await named.first().textContent()).toBe('old.example.com')
    expect(complaints).toEqual([])
    process.stderr.write(`report of 3,000 certificates: shown after ${seconds.toFixed(1)} s\n`)
    await close(page)
  })

  test('prints what is folded', async () => {
    const { page } = await show(reportFacts(200))
    const folded = page.locator('.g:not([open]) li').first()
    const isShown = (): Promise<boolean> =>
      folded.evaluate(one => (one as unknown as { checkVisibility(): boolean }).checkVisibility())
    expect(await isShown()).toBe(false)
    await page.emulateMedia({ media: 'print' })
    expect(await isShown()).toBe(true)
    await close(page)
  })

  test('no text of a stranger becomes a part of the page', async () => {
    const { page, complaints } = await show(hostile())
    const made = 'img, iframe, object, embed, base, form:not(#find), a, [onerror], [onload], [onfocus], [style]'
    expect(await page.locator(made).count()).toBe(0)
    expect(await page.locator('script').count()).toBe(1)
    expect(await page.locator('style').count()).toBe(1)
    expect(await page.locator('title').textContent()).toContain(evil.slice(0, 9))
    const text = (await page.locator('body').textContent()) ?? ''
    expect(text.split('<script>alert(1)</script>').length).toBeGreaterThan(10)
    expect(text).toContain('\\u202e')
    expect(text).not.toContain('\u202e')
    expect(complaints).toEqual([])
    await close(page)
  })
})

/** With every kind of trouble. */
function everything(count: number): ReportFacts {
  const facts = reportFacts(count)
  const problems = [{ message: 'desired/x: line 3: unknown key "nmaes"', hint: 'did you mean "names"?' }]
  return { ...facts, document: { ...facts.document, problems, recordsLeft: 1, unusedKeys: 2 } }
}

const evil = `</title></style><script>alert(1)</script>"'><img src=x onerror=alert(1)> onload=x \u202e&lt;`

/** This text wherever a text can come from a stranger, a file or a person. */
function hostile(): ReportFacts {
  const facts = everything(5)
  const failure = { code: evil, message: evil, hint: evil, since: facts.now, last: facts.now, times: 2 }
  const ill = target(evil, 70, {
    ...{ names: [evil, evil] as never, ca: evil, certificateCa: evil, issuer: evil, keyType: evil, live: evil },
    ...{ certificate: evil, csr: evil, renewBecause: evil, damage: evil, due: evil, unlinked: [evil] },
    profile: { name: evil, required: true },
    failure: { ...failure, nextTry: facts.now },
    missing: [{ name: evil as never, since: facts.now }],
    recordsEnd: [{ name: evil as never, until: facts.now }],
    served: [{ place: evil, state: 'failed', text: evil, hint: evil }],
    waits: { because: evil },
    urgency: 'broken',
  })
  const renewalInfo = { start: facts.now, end: facts.now, chosen: facts.now, asked: facts.now, explanationUrl: evil }
  return {
    ...facts,
    host: evil,
    document: {
      ...facts.document,
      stateDirectory: evil,
      targets: [ill, { ...ill, renewalInfo }],
      problems: [{ message: evil, hint: evil }],
    },
    runs: facts.runs.map(run => ({
      ...{ ...run, command: evil, issued: [evil] },
      failures: [{ subject: evil, code: evil, message: evil }],
    })),
    cas: facts.cas.map(ca => ({ ...ca, ca: evil, failure, failedValidations: { name: evil, times: 1, most: 5 } })),
  }
}

// Debian's Chromium, headless, driven by playwright-core, which brings no browser of its own.
import { type Browser, chromium } from 'playwright-core'
import { need } from './need.js'
import { temporaryFolder } from './process.js'

export interface StartedBrowser {
  readonly browser: Browser
  stop(): Promise<void>
}

/** What it keeps (profile, caches, sockets) is in a folder that goes with it. Its sandbox does not work for root. */
export async function startBrowser(): Promise<StartedBrowser> {
  const folder = temporaryFolder('browser')
  const env = { PATH: process.env.PATH ?? '', HOME: folder.path, TMPDIR: folder.path, XDG_CONFIG_HOME: folder.path }
  const browser = await chromium.launch({ executablePath: need('chromium'), args: ['--no-sandbox'], env })
  return {
    browser,
    stop: async () => {
      await browser.close()
      folder.remove()
    },
  }
}

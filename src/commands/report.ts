/** `dns01 report`: writes one page for people: what needs attention, a time line, past runs, what CAs were asked for. */

import { standardInput } from '../core/world.js'
import { looking } from '../renew/run.js'
import type { Command } from './command.js'

export const report: Command = {
  command: 'report <file>',
  describe: 'Write a page for the browser: what needs attention, every certificate on a time line, past runs, CAs.',
  example: 'report certificates.html',
  run: async ({ file }, context) => {
    const { writeReport } = await import('../report/html-file.js')
    const { reportFacts } = await import('../report/html-facts.js')
    const { page } = await import('../report/html-page.js')
    const text = page(await reportFacts(context, await looking(context)))
    if (file === standardInput) {
      context.out.show({ page: text }, () => text.split('\n'), '')
      return []
    }
    const path = await writeReport(context.world, String(file), text)
    context.out.show({ file: path, bytes: Buffer.byteLength(text) }, () => [])
    context.out.tell([`${path}: ${Math.ceil(Buffer.byteLength(text) / 1024)} kB`])
    return []
  },
}

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A new folder. It goes when all tests have ended, however they end (test/untouched.ts). */
export const newFolder = (what: string): string => mkdtempSync(join(tmpdir(), `dns01-${what}-`))

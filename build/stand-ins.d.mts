import type { Plugin } from 'esbuild'

export const STAND_INS: Readonly<Record<string, string>>
export function standIns(real?: readonly string[]): Plugin

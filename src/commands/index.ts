import type { Command } from './command.js'
import { hook } from './hook.js'
import { plan } from './plan.js'
import { quickstart } from './quickstart.js'
import { reconcile } from './reconcile.js'
import { status } from './status.js'
import { unwant } from './unwant.js'
import { want } from './want.js'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [want, unwant, reconcile, status, plan, quickstart, hook]

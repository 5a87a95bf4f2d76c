/** The list of all commands, which the parser and its help are made from. */

import { account } from './account.js'
import { accountThumbprint } from './account-thumbprint.js'
import { accountUrlCommand } from './account-url.js'
import type { Command } from './command.js'
import { csr } from './csr.js'
import { cull } from './cull.js'
import { exportCommand } from './export.js'
import { hook } from './hook.js'
import { importFrom, importLe } from './import.js'
import { importJwkAccount, importPemAccount } from './import-account.js'
import { importCert } from './import-cert.js'
import { importKeyCommand } from './import-key.js'
import { notify } from './notify.js'
import { persist } from './persist.js'
import { plan } from './plan.js'
import { probe } from './probe.js'
import { providers } from './providers.js'
import { quickstart } from './quickstart.js'
import { reconcile } from './reconcile.js'
import { report } from './report.js'
import { revoke } from './revoke.js'
import { serveDnsCommand } from './serve-dns.js'
import { show } from './show.js'
import { snippetCommand } from './snippet.js'
import { status } from './status.js'
import { testNotify } from './test-notify.js'
import { unwant } from './unwant.js'
import { want } from './want.js'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  want,
  unwant,
  reconcile,
  status,
  report,
  show,
  plan,
  probe,
  providers,
  persist,
  quickstart,
  hook,
  snippetCommand,
  serveDnsCommand,
  revoke,
  cull,
  exportCommand,
  csr,
  importCert,
  importFrom,
  importLe,
  importKeyCommand,
  importPemAccount,
  importJwkAccount,
  account,
  accountUrlCommand,
  accountThumbprint,
  notify,
  testNotify,
]

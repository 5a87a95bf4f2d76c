/** `dns01 import-pem-account` and `import-jwk-account`: make the key of a file an account of a CA. */

import { importAccount } from '../manage/import-keys.js'
import { accountFor } from '../renew/authorities.js'
import { locked } from '../renew/run.js'
import type { Command } from './command.js'

const importing = (form: 'pem' | 'jwk', what: string): Command => ({
  command: `import-${form}-account <url> <file>`,
  describe: `Use the key of a ${what} file as an account of the CA with this directory URL.`,
  example: `import-${form}-account https://acme-v02.api.letsencrypt.org/directory account.${form === 'pem' ? 'key' : 'json'}`,
  run: ({ url, file }, context) =>
    locked(context, async state => {
      await state.conform()
      const account = { directoryUrl: String(url), file: String(file), form }
      const id = await importAccount(context.world, state, account)
      context.out.show({ account: id }, () => [])
      const used = accountFor(state, account.directoryUrl)
      context.out.tell([
        used === id
          ? `account ${id} is used for ${account.directoryUrl}`
          : `account ${id} is here; ${used} goes on being used for ${account.directoryUrl}`,
      ])
      return []
    }),
})

export const importPemAccount = importing('pem', 'PEM')
export const importJwkAccount = importing('jwk', 'JWK')

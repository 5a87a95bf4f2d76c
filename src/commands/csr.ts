/** `dns01 csr`: a request for a CA that has a web form and no ACME. */

import { parseNames } from '../core/names.js'
import { keyKind } from '../manage/asked.js'
import { locked } from '../renew/run.js'
import { type Command, texts } from './command.js'

export const csr: Command = {
  command: 'csr <names..>',
  describe: 'Make a key and print a request (CSR) for a CA without ACME; import-cert takes what comes back.',
  example: 'csr www.example.com example.com',
  options: {
    'key-type': { type: 'string', describe: 'ecdsa-p256, ecdsa-p384, rsa2048, rsa3072 or rsa4096' },
    'new-key': { type: 'boolean', describe: 'another key than last time, for a renewal' },
  },
  run: async ({ names, ...rest }, context) => {
    const { requestByHand } = await import('../manage/by-hand.js')
    const { world, out } = context
    const wanted = parseNames(texts(names))
    const word = rest['key-type']
    const kind = word === undefined ? undefined : keyKind(String(word))
    return locked(context, async state => {
      await state.conform()
      const made = await requestByHand(world, state, wanted, { newKey: rest['new-key'] === true, kind })
      out.show({ ...made, csr: made.pem }, () => made.pem.trimEnd().split('\n'))
      const what = `the request is for ${made.names.join(' ')}, and its key is keys/${made.keyId}/privkey`
      world.log.notice(what, 'when the CA has issued it: dns01 import-cert FILE')
      return []
    })
  },
}

/** `dns01 export`: a certificate with its key in the form that a program asks for. */

import { looking } from '../renew/run.js'
import type { Command } from './command.js'

export const exportCommand: Command = {
  command: 'export <name>',
  describe: 'Write a certificate with its key in another format: for Windows, Java, HAProxy, or with an encrypted key.',
  example: 'export www.example.com --format p12 --passphrase-file /root/www.pass',
  options: {
    format: { type: 'string', describe: 'pem, der, p12, jks or bundle' },
    out: { type: 'string', alias: 'o', describe: 'file or folder to write to (the folder that you are in)' },
    'passphrase-file': { type: 'string', describe: 'its first line encrypts the key; else DNS01_EXPORT_PASSPHRASE' },
    legacy: { type: 'boolean', describe: 'p12 and jks with the encryption of old Windows and Java (3DES, SHA-1)' },
  },
  run: async ({ name, format: word, out: to, legacy, ...rest }, context) => {
    const { exportFormat, exportTo, findCertificate, passphraseFor } = await import('../manage/export.js')
    const { world, out } = context
    const format = exportFormat(word as string | undefined)
    const state = await looking(context)
    const found = findCertificate(state, String(name))
    const file = rest['passphrase-file'] as string | undefined
    const passphrase = await passphraseFor(world, { format, file })
    const wish = { ...found, format, passphrase, legacy: legacy === true, to: to as string | undefined }
    const paths = await exportTo(world, state, wish)
    out.show({ files: paths }, () => paths)
    return []
  },
}

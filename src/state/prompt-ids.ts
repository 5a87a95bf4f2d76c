/**
 * acmetool's prompt ids (docs/state-directory.md, "Answers"), and ours. `acme-agreement:URL` is asked by the registration. Ours
 * begin otherwise than acmetool's, so that a file of answers for both says of each which program it is for.
 */
export const ID = {
  email: 'acme-enter-email',
  eabKeyId: 'acme-eab-kid',
  eabKeyFile: 'acme-eab-hmac-key-file',
  eabAlgorithm: 'acme-eab-algorithm',
  server: 'acmetool-quickstart-choose-server',
  serverUrl: 'acmetool-quickstart-enter-directory-url',
  keyType: 'acmetool-quickstart-key-type',
  rsaSize: 'acmetool-quickstart-rsa-key-size',
  curve: 'acmetool-quickstart-ecdsa-curve',
  method: 'acmetool-quickstart-choose-method',
  webrootPath: 'acmetool-quickstart-webroot-path',
  haproxy: 'acmetool-quickstart-install-haproxy-script',
  cron: 'acmetool-quickstart-install-cronjob',
  redirector: 'acmetool-quickstart-install-redirector-systemd',
  provider: 'dns01-quickstart-choose-provider',
  profile: 'dns01-quickstart-choose-profile',
  trial: 'dns01-quickstart-try-host',
  keepVariables: 'dns01-quickstart-keep-variables',
  replaceAcmetool: 'dns01-quickstart-replace-acmetool',
  undoEnvFile: 'dns01-quickstart-undo-env-file',
} as const

/** Ids of acmetool's that nothing here asks for: about webroots, and "something was wrong, go on?". */
const OTHERS = /^(acme-agreement:|acmetool-quickstart-(complete|webroot-path-(unlikely|invalid)|invalid-))/

/** Whether somebody asks, or asked, for it. */
export const isPromptId = (id: string): boolean =>
  OTHERS.test(id) || OF_A_CA.some(one => id.startsWith(`${one}:`)) || ANYWHERE.includes(id)

/** They stand before the directory URL of the CA that they are about. */
const OF_A_CA: readonly string[] = [ID.eabKeyId, ID.eabKeyFile, ID.eabAlgorithm]
const ANYWHERE: readonly string[] = Object.values(ID).filter(id => !OF_A_CA.includes(id))

/** Whether it looks as if it were for us: what another program keeps in the same file is none of our business. */
export const isOurFamily = (id: string): boolean => /^(acme|dns01)/i.test(id)

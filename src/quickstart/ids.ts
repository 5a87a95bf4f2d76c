/** acmetool's prompt ids (acmetool-compat §10), and ours. `acme-agreement:URL` is asked by the registration. */
export const ID = {
  email: 'acme-enter-email',
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
  trial: 'dns01-quickstart-try-host',
  keepVariables: 'dns01-quickstart-keep-variables',
} as const

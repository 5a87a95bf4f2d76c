/** Which environment variables a run reads. */

import type { ProviderDefinition } from '../provider/api.js'

/** Variables besides those of providers that a run looks at. */
const general = [
  'DNS01_PROVIDER',
  'DNS01_PROVIDERS',
  'DNS01_RESOLVERS',
  'DNS01_PROPAGATION',
  'SSL_CERT_FILE',
  'SSL_CERT_DIR',
  ...['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY'].flatMap(name => [name, name.toLowerCase()]),
]

/** Names of all variables that the engine or one of these providers reads. */
export function knownVariables(definitions: readonly Pick<ProviderDefinition, 'settings'>[]): string[] {
  const settings = definitions.flatMap(definition => Object.values(definition.settings))
  return [...new Set([...general, ...settings.flatMap(({ env }) => env.flatMap(name => [name, `${name}_FILE`]))])]
}

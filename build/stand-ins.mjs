// Packages that libraries bring along for things dns01 does not do. The bundle has of each only what is touched when the library is loaded:
// whatever else is called of it throws an error that names it (test/stand-ins.test.ts). The tests of src/ run with the
// real ones, the tests of dist/ with these. What each saves: `node test/bench/libraries.mjs`.

import { dirname } from 'node:path'

const root = dirname(import.meta.dirname)

/** A CommonJS module with these members; any other one throws when it is taken. `__esModule` is asked for by interop helpers. */
const only = (name, members) => `
  const partly = (path, members) => new Proxy(members, {
    get(_, member) {
      if (Object.hasOwn(members, member)) return members[member]
      if (typeof member === 'symbol' || member === '__esModule') return undefined
      throw new Error(path + '.' + member + ' is not in the bundle of dns01 (build/stand-ins.mjs)')
    },
  })
  const refuse = path => () => { throw new Error(path + '() is not in the bundle of dns01 (build/stand-ins.mjs)') }
  module.exports = partly('${name}', ${members})`

/** Package → the text of what stands for it. */
export const STAND_INS = {
  // acme-client's HTTP, which src/acme/jws.ts replaces by an adapter, as axios has them; nothing of it but that is left. 46 ms.
  axios: only(
    'axios',
    `{
      AxiosError: Error,
      create() {
        const interceptors = { use() {} }
        const instance = {
          defaults: { headers: { common: {} } },
          interceptors: { request: interceptors, response: interceptors },
          request: config => instance.defaults.adapter({ ...config, data: config.data && JSON.stringify(config.data) }),
        }
        return instance
      },
    }`,
  ),
  // acme-client's requests for certificates (ours: src/x509/csr.ts) and reading of them. 32 ms.
  '@peculiar/x509': only('@peculiar/x509', "{ cryptoProvider: partly('cryptoProvider', { set() {} }) }"),
  asn1js: only('asn1js', '{}'),
  // The same with RSA only, from acme-client's earlier days. 16 ms, 600 kB.
  'node-forge': only(
    'node-forge',
    "{ pki: partly('pki', { rsa: partly('rsa', { generateKeyPair: refuse('forge.pki.rsa.generateKeyPair') }) }) }",
  ),
  // The codec of DNS messages without dns2's clients and servers, which load node's http, https and tls. 5 ms of each run that asks
  // the DNS. By its path, since dns2 exports no part of itself.
  dns2: only('dns2', "{ Packet: require('./node_modules/dns2/packet.js') }"),
  // Logs of acme-client and https-proxy-agent: with DEBUG=* the latter would print the proxy's password.
  debug: 'module.exports = () => () => {}',
  // With which yargs lays out its help: the tables of emoji and wide characters take 27 ms of every start, and our help is ASCII.
  'string-width': 'export default text => text.length',
}

/** For esbuild. `real`: packages that are bundled whole all the same. */
export const standIns = (real = []) => ({
  name: 'stand-ins',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[@\w]/ }, ({ path }) =>
      Object.hasOwn(STAND_INS, path) && !real.includes(path) ? { path, namespace: 'stand-in' } : undefined,
    )
    onLoad({ filter: /.*/, namespace: 'stand-in' }, ({ path }) => ({ contents: STAND_INS[path], resolveDir: root }))
  },
})

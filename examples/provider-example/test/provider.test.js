import * as runner from 'node:test'
import { openWorld, providerContract } from 'dns01/provider-contract'
import example from '../index.js'
import { startDouble } from './double.js'

const token = 'the token that the double takes'
const zones = ['example.test', 'example.org']

providerContract(runner, 'example', async () => {
  const api = await startDouble({ token, zones })
  const open = async (settings = {}) => example.open({ token, url: api.url, ...settings }, openWorld())
  return {
    provider: await open(),
    zones,
    values: async name => api.values(name),
    put: async (name, value) => api.add(name, value),
    changes: () => api.changes(),
    reopened: () => open(),
    refusing: () => open({ token: 'a wrong token' }),
    failing: () => open({ url: 'http://127.0.0.1:1/' }), // where nobody listens
    secrets: [token, 'a wrong token'],
    stop: async () => api.stop(),
  }
})

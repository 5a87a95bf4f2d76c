/** What `dns01/provider-contract` exports: the contract, and what a provider's test needs besides. */
export { providerContract, type Runner } from './provider-contract.js'
export { listeningLog, record, type Subject, txtValue } from './subject.js'
export { openWorld } from './world.js'

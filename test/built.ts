// Set-up for the tests that run the built program: it is built once, when a source is newer.
export { buildIfOlder as default } from './real/servers/dns01.js'

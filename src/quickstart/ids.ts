/** What quickstart asks has the names that conf/responses is checked against. */
export { ID } from '../state/prompt-ids.js'

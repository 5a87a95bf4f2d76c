/**
 * `npm test` tries each point of the long series (every step at which a run can be killed, three years of cron …); without
 * DNS01_THOROUGH=1, so in `npm run test:fast` and in an editor, a sample of them, evenly spread.
 */
export const thorough = process.env.DNS01_THOROUGH === '1'

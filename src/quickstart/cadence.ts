/** How often a schedule runs, and how often it must: pure. Times between runs are in seconds. */

const hour = 3600
const day = 24 * hour

/** So many runs must fit between the renewal and the end, so that some of them may fail. Our own choice. */
const fewestTries = 4

/**
 * What is wrong when runs that far apart are to renew such certificates; undefined when they can, or there are none. The one with
 * the least time decides. Text that goes on from the name of the schedule.
 */
export function tooSlow(
  everySeconds: number,
  certificates: readonly { readonly renewAt: Date; readonly notAfter: Date }[],
): string | undefined {
  const left = certificates.map(({ renewAt, notAfter }) => (notAfter.getTime() - renewAt.getTime()) / 1000)
  const leastSeconds = Math.min(...left)
  if (leastSeconds >= fewestTries * everySeconds) return undefined
  return `starts renewals every ${inWords(everySeconds)}: too seldom for a certificate that is due ${inWords(leastSeconds)} before its end`
}

/** `3 days`, `6 h`, `hour` (for "every hour"); `never again` for Infinity. */
export function inWords(seconds: number): string {
  if (!Number.isFinite(seconds)) return 'never again'
  if (seconds >= 2 * day) return `${Math.round(seconds / day)} days`
  return seconds === hour ? 'hour' : `${Math.round((seconds / hour) * 10) / 10} h`
}

/** crontab(5). Without @reboot, which says nothing of the times in between. */
const SHORTHANDS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** The longest time between two runs of a crontab's time (crontab(5)); Infinity for one that never comes, or only at boot. */
export function cronEverySeconds(when: string): number {
  const fields = (SHORTHANDS[when.toLowerCase()] ?? when).trim().split(/\s+/)
  const [minute = '', hours = '', date = '', month = '', weekday = ''] = fields
  if (fields.length !== 5) return Number.POSITIVE_INFINITY
  const minutes = numbersOf(minute, 0, 59)
  const times = [...numbersOf(hours, 0, 23)].flatMap(h => [...minutes].map(m => h * 60 + m)).sort((a, b) => a - b)
  const [dates, months] = [numbersOf(date, 1, 31), numbersOf(month, 1, 12, MONTHS)]
  const weekdays = new Set([...numbersOf(weekday, 0, 7, DAYS)].map(d => d % 7))
  // crontab(5): where both the day of the month and that of the week are given, either of them is enough
  const either = !date.startsWith('*') && !weekday.startsWith('*')
  const isDay = (at: Date): boolean => {
    const [byDate, byWeekday] = [dates.has(at.getUTCDate()), weekdays.has(at.getUTCDay())]
    return months.has(at.getUTCMonth() + 1) && (either ? byDate || byWeekday : byDate && byWeekday)
  }
  return longestGapMinutes(times, isDay) * 60
}

/** Over two years from any day on: a year has all that a crontab can tell apart, but for 29 February. */
function longestGapMinutes(times: readonly number[], isDay: (at: Date) => boolean): number {
  let longest = 0
  let last: number | undefined
  for (let n = 0; n < 2 * 366; n++) {
    if (!isDay(new Date(Date.UTC(2026, 0, 1 + n)))) continue
    for (const time of times) {
      const at = n * 24 * 60 + time
      if (last !== undefined) longest = Math.max(longest, at - last)
      last = at
    }
  }
  return longest === 0 ? Number.POSITIVE_INFINITY : longest
}

/** The numbers that a field means: lists, ranges, steps, names. None for what cron would refuse. */
function numbersOf(field: string, least: number, most: number, names: readonly string[] = []): Set<number> {
  const found = new Set<number>()
  const number = (text: string): number => {
    const named = names.indexOf(text.toLowerCase().slice(0, 3))
    if (named >= 0) return named + least
    return /^\d+$/.test(text) ? Number(text) : Number.NaN
  }
  for (const part of field.split(',')) {
    const [range = '', step = '1'] = part.split('/')
    const [from = '', to = part.includes('/') ? String(most) : from] = range.split('-')
    const [first, last] = range === '*' ? [least, most] : [number(from), number(to)]
    if (!(first >= least && last <= most && Number(step) >= 1)) return new Set()
    for (let n = first; n <= last; n += Number(step)) found.add(n)
  }
  return found
}

/** The same of a timer's OnCalendar (systemd.time(7)), of those forms that mean the same every day; undefined of any other. */
export function calendarEverySeconds(when: string): number | undefined {
  const word = `@${when.trim()}`
  if (SHORTHANDS[word] !== undefined) return cronEverySeconds(word)
  const [, hours, minutes] = when.trim().match(/^(?:\*-\*-\*\s+)?([\d,/*.]+):([\d,/*]+)(?::\d+)?$/) ?? []
  if (hours === undefined || minutes === undefined) return undefined
  const seconds = cronEverySeconds(`${minutes} ${hours.replaceAll('..', '-')} * * *`)
  return Number.isFinite(seconds) ? seconds : undefined
}

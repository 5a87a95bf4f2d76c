/**
 * How much more CPU time `work` takes at ten times the size: about 10 where it is linear, 100 where each thing is compared
 * with every other. A ratio holds on a slow and busy machine too, where seconds do not. The best of several tries counts.
 */
export async function growth(work: (size: number) => unknown, size = 1000): Promise<number> {
  const least = new Map<number, number>()
  for (let turn = 0; turn < 5; turn++)
    for (const each of [size, size * 10]) {
      const before = process.cpuUsage()
      await work(each)
      const { user, system } = process.cpuUsage(before)
      least.set(each, Math.min(least.get(each) ?? Number.POSITIVE_INFINITY, user + system))
    }
  return (least.get(size * 10) as number) / (least.get(size) as number)
}

/** Of ten times the size: well over linear growth, with its noise, and far below a square. */
export const aboutLinear = 40

/** Paths from the root of the repository. */
export function filesOfOnePebble(): string[]

export const notOfTheCa: readonly string[]

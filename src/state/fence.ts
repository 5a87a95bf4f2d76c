/**
 * Stands between a run and the disk. A holder of the lock that was stopped or suspended for long may wake when its
 * lock is another run's: then it must not go on writing. What the lock knows (lock.ts) comes to each change (disk.ts)
 * by this.
 */
export interface Fence {
  /** Before each change. @throws Dns01Error LOCKED from the moment when the lock is known to be lost */
  check: () => void
  /** Ends what waits meanwhile; its reason is that error. */
  readonly lost: AbortController
}

/** Lets everything pass until a lock is taken. */
export const openFence = (): Fence => ({ check: () => {}, lost: new AbortController() })

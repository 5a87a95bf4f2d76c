// Private keys that nothing leads to: a run that is killed between making a key and ordering for it leaves one.
import type { Target } from '../core/target.js'
import type { Certificate } from './certificates.js'
import type { StateDir } from './state-dir.js'

export interface KeyUse {
  readonly targets: readonly Target[]
  /** No file of desired/ was unreadable: what the targets do not name is unwanted. */
  readonly allTargetsKnown: boolean
  readonly keyIds: Iterable<string>
  /** request.key.id of conf/target. */
  readonly sharedKeyId?: string | undefined
}

/**
 * Keys that none of these certificates and no target uses. As long as an order that is not downloaded yet does not say
 * which key it is for, all are in use.
 */
export function unusedKeys(use: KeyUse, certificates: readonly Certificate[]): string[] {
  const keysInUse = certificates.map(c => c.facts?.keyId ?? c.keyId)
  if (keysInUse.includes(undefined) || !use.allTargetsKnown) return []
  const used = new Set([...keysInUse, use.sharedKeyId, ...use.targets.map(target => target.key.id)])
  return [...use.keyIds].filter(id => !used.has(id))
}

export function keyUse(state: Pick<StateDir, 'targets' | 'keyIds' | 'defaults'>): KeyUse {
  const { targets, problems } = state.targets()
  const allTargetsKnown = problems.length === 0
  const sharedKeyId = allTargetsKnown ? state.defaults().key.id : undefined
  return { targets, allTargetsKnown, keyIds: state.keyIds(), sharedKeyId }
}

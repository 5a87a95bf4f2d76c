import type { Name } from './names.js'

export interface KeySpec {
  readonly type: 'ecdsa' | 'rsa'
  readonly curve: 'nistp256' | 'nistp384' | 'nistp521'
  /** 2048 to 4096. */
  readonly rsaBits: number
  /** An existing key to use (request.key.id). */
  readonly id?: string | undefined
}

/** One file of desired/, with what conf/target hands down. */
export interface Target {
  /** Base name in desired/, as on disk. */
  readonly file: string
  /** satisfy.names: a certificate that has all of them serves this target; each gets a live link. */
  readonly names: readonly Name[]
  /** request.names: what an order asks for, in this order; holds at least `names`. */
  readonly requestNames: readonly Name[]
  /** Directory URL of the CA, as written. */
  readonly ca: string
  readonly key: KeySpec
  /** satisfy.key.type: certificates with another key do not serve this target. */
  readonly requiredKeyType?: 'ecdsa' | 'rsa' | undefined
  readonly marginDays: number
  readonly priority: number
  /** '' or the part after ':' in live/NAME:LABEL. */
  readonly label: string
  readonly mustStaple: boolean
  /** request.partial: issue for the names that pass, keep asking for the rest. */
  readonly partial: boolean
  /** request.challenge.env, for hooks. */
  readonly env: Readonly<Record<string, string>>
  /** request.challenge.dns: ours, not acmetool's. */
  readonly dns: { readonly provider?: string | undefined; readonly settings: Readonly<Record<string, string>> }
}

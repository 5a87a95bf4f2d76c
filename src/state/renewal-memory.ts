// What CAs said of when to renew (RFC 9773), kept in .dns01/renewal-info.json: with it the next run need not ask, `status` and
// `plan` can tell without asking anybody, and the one instant chosen in a CA's window stays the same from run to run.
import * as v from 'valibot'
import { messageOf } from '../core/errors.js'
import type { World } from '../core/world.js'
import type { Certificate } from './certificates.js'
import { type Disk, freePlace } from './disk.js'
import { RENEWAL_INFO, SET_ASIDE } from './layout.js'

/** When the CA wants a certificate to be renewed, and the instant in that window that was chosen for it. */
export interface KeptWindow {
  readonly start: Date
  readonly end: Date
  readonly chosen: Date
  /** When this was said. */
  readonly asked: Date
  /** A page that says why. */
  readonly explanationUrl?: string | undefined
}

/** What is known of one certificate. */
export interface KeptRenewal {
  /** The CA is not asked before. */
  readonly askAgain?: Date | undefined
  readonly window?: KeptWindow | undefined
  /** The CA counts it as replaced: no order can name it as its predecessor once more (RFC 9773 §5). */
  readonly replaced?: true | undefined
  /** The certificate that was got in its place. */
  readonly successor?: string | undefined
}

/** What the directory of a CA says. */
export interface KeptService {
  /** undefined: it offers no renewal information, or does not answer now. */
  readonly url?: string | undefined
  /** The directory is not looked at before. */
  readonly askAgain: Date
}

/** By the id of the certificate, and by the CA as ledger-keys.ts names it. */
export interface RenewalMemory {
  readonly certificates: ReadonlyMap<string, KeptRenewal>
  readonly services: ReadonlyMap<string, KeptService>
  keep(certificateId: string, renewal: KeptRenewal): void
  keepService(ca: string, service: KeptService): void
  /** Forgets all certificates but these. */
  keepOnly(certificateIds: ReadonlySet<string>): void
  /** On disk when it resolves; nothing is written where nothing changed. @throws Dns01Error STATE */
  save(): Promise<void>
}

const date = v.pipe(
  v.string(),
  v.transform(text => new Date(text)),
  v.date(), // no Invalid Date
)
const schema = v.object({
  services: v.record(v.string(), v.object({ url: v.optional(v.string()), askAgain: date })),
  certificates: v.record(
    v.string(),
    v.object({
      askAgain: v.optional(date),
      window: v.optional(
        v.object({ start: date, end: date, chosen: date, asked: date, explanationUrl: v.optional(v.string()) }),
      ),
      replaced: v.optional(v.literal(true)),
      successor: v.optional(v.string()),
    }),
  ),
})

/**
 * One that is damaged counts as empty, and is written anew: all that is lost is asked again. Unlike the ledger it is not set
 * aside, since nothing in it is worth anybody's look, and so nobody need be warned either; only what is no file is.
 */
export const openRenewalMemory = (disk: Disk, world: Pick<World, 'log'>): RenewalMemory =>
  new RenewalMemoryFile(disk, world.log)

/** Each certificate with what is known of it. */
export const withRenewals = (
  certificates: readonly Certificate[],
  { certificates: known }: Pick<RenewalMemory, 'certificates'>,
): Certificate[] =>
  certificates.map(one => {
    const renewal = known.get(one.id)
    return renewal === one.renewal ? one : { ...one, renewal }
  })

class RenewalMemoryFile implements RenewalMemory {
  readonly certificates: Map<string, KeptRenewal>
  readonly services: Map<string, KeptService>
  readonly #disk: Disk
  readonly #log: World['log']
  #changed = false
  /** The write under way, or the last one: two at once would race for the place of the file. */
  #writing = Promise.resolve()

  constructor(disk: Disk, log: World['log']) {
    const data = read(disk, log)
    this.#disk = disk
    this.#log = log
    this.certificates = new Map(Object.entries(data.certificates))
    this.services = new Map(Object.entries(data.services))
  }

  /** The page's address is masked here: who reads it later (status, plan) knows no secret. */
  keep(certificateId: string, renewal: KeptRenewal): void {
    const { window } = renewal
    const url = window?.explanationUrl
    const kept =
      url === undefined ? renewal : { ...renewal, window: { ...window, explanationUrl: this.#log.masked(url) } }
    this.certificates.set(certificateId, kept as KeptRenewal)
    this.#changed = true
  }

  keepService(ca: string, service: KeptService): void {
    this.services.set(ca, service)
    this.#changed = true
  }

  keepOnly(certificateIds: ReadonlySet<string>): void {
    for (const id of this.certificates.keys()) if (!certificateIds.has(id)) this.#changed = this.certificates.delete(id)
  }

  save(): Promise<void> {
    this.#writing = this.#writing.catch(() => undefined).then(() => this.#write())
    return this.#writing
  }

  async #write(): Promise<void> {
    if (!this.#changed) return
    // Lowered before the write, so that what is kept meanwhile is written by the next one. A write that fails loses nothing
    // that could not be asked again.
    this.#changed = false
    const { services, certificates } = this
    // a folder or a FIFO, which somebody put there: a write would fail in each run, and cost it what it is about
    if ((this.#disk.info(RENEWAL_INFO)?.kind ?? 'file') !== 'file')
      await this.#disk.moveFolder(RENEWAL_INFO, freePlace(this.#disk, `${SET_ASIDE}/renewal-info.json`))
    const document = { services: Object.fromEntries(services), certificates: Object.fromEntries(certificates) }
    // without indentation: of ten thousand certificates that would be a third of the file, which every run reads
    await this.#disk.writeFile(RENEWAL_INFO, `${JSON.stringify(document)}\n`)
  }
}

const empty = { services: {}, certificates: {} }

function read(disk: Disk, log: World['log']): v.InferOutput<typeof schema> {
  try {
    const text = disk.readIfThere(RENEWAL_INFO)
    if (text === undefined) return empty
    return v.parse(schema, JSON.parse(text))
  } catch (error) {
    log.info(`${disk.root}/${RENEWAL_INFO} is damaged (${messageOf(error)}); the CAs are asked again`)
    return empty
  }
}

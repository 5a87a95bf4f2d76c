// The state directory as the rest of dns01 sees it: a method for each question and each change, and no path. acmetool's
// schema is kept to the letter, as both programs may work in the same directory (docs/state-directory.md). What is more
// than a line or two is in the file that bears the name of its subject.
import { dirname } from 'node:path'
import { Dns01Error } from '../core/errors.js'
import type { Target, TargetDefaults } from '../core/target.js'
import type { World } from '../core/world.js'
import type { KeyPair } from '../x509/keys.js'
import { pemBodies } from '../x509/pem.js'
import {
  mendKeyLinks,
  placeOrder,
  placeWithoutOrder,
  readDerOf,
  readRevocationReason,
  type StoredOrder,
  storeFiles,
  type WithoutOrder,
} from './certificate-files.js'
import { type Certificate, keyChange, type Neighbours, readCertificates } from './certificates.js'
import { conform } from './conform.js'
import { Disk } from './disk.js'
import { type Fence, openFence } from './fence.js'
import type { History } from './history.js'
import { openJournal, type StateJournal } from './journal.js'
import { idOfKeyIn, listAccounts, listKeyIds, readKey, type StoredAccount } from './keys.js'
import * as layout from './layout.js'
import { type Ledger, openLedger } from './ledger.js'
import { type LiveCertificate, LivePointer, readLinks, readLive } from './live-links.js'
import { followLinks, readPermissions, refuseForeignFolder, refuseWrongKinds } from './opening.js'
import { openRenewalMemory, type RenewalMemory, withRenewals } from './renewal-memory.js'
import { type Responses, readResponses } from './responses.js'
import {
  listRollovers,
  noteRollover,
  type Rollover,
  removeAccount,
  setRolloverAside,
  settleRollover,
} from './rollover.js'
import { openServedMemory, type ServedMemory } from './served-memory.js'
import { Survey } from './survey.js'
import { Tally } from './tally.js'
import { readDefaults, readTargets, type TargetReading } from './targets.js'

type StateWorld = Pick<World, 'clock' | 'files' | 'log' | 'random' | 'self'>

/**
 * The state directory: a method for each question and each change. Questions look at the disk every time; what was
 * read before the lock was held is a rumour. Changes are whole and on disk when their promise resolves, and are made
 * under the lock. Everything throws Dns01Error STATE.
 */
export class StateDir {
  /** Absolute, without links. */
  readonly root: string
  readonly journal: StateJournal
  /** withLock() raises it; each change looks at it. */
  readonly fence: Fence
  /** What the run under way has done outside. */
  readonly tally = new Tally()
  readonly #disk: Disk
  readonly #world: StateWorld
  readonly #live: LivePointer
  /** A run reads the same files more than once, but a person wants to hear of each mistake once. */
  readonly #warned = new Set<string>()
  #ledger: Ledger | undefined
  #renewals: RenewalMemory | undefined
  /** Of how many changes of the disk it knows. */
  #survey: { readonly survey: Survey; readonly changes: number } | undefined

  private constructor(world: StateWorld, disk: Disk, fence: Fence) {
    this.root = disk.root
    this.fence = fence
    this.#world = world
    this.#disk = disk
    this.#live = new LivePointer(disk)
    this.journal = openJournal(disk, world)
  }

  /**
   * Makes nothing yet; conform() does. With `readOnly` nothing can be made or changed, and a directory that does not
   * exist is an empty one.
   * @param root absolute
   * @throws Dns01Error STATE when it is a file, cannot be read, or holds something else altogether; CONFIG for a
   * mistake in conf/perm
   */
  static async open(world: StateWorld, root: string, options: { readonly readOnly?: boolean } = {}): Promise<StateDir> {
    const place = followLinks(world, root)
    const looking = new Disk(world, place, { readOnly: true })
    const info = looking.info('.')
    if (info && info.kind !== 'folder')
      throw new Dns01Error('STATE', `the state directory ${root} is a ${info.kind}`, {
        hint: 'choose a folder with --state or ACME_STATE_DIR',
      })
    looking.list('.') // whoever may not read it is told so here
    if (!options.readOnly) {
      refuseForeignFolder(looking)
      refuseWrongKinds(looking)
    }
    const fence = openFence()
    const disk = new Disk(world, place, { ...options, fence, permissions: readPermissions(world, looking) })
    return new StateDir(world, disk, fence)
  }

  /** Whether the folder is there at all; one that was opened to look need not be. */
  exists(): boolean {
    return this.#disk.info('.') !== undefined
  }

  /**
   * Makes and mends what the schema asks for, and says so; a run with nothing to do writes nothing. With `andRead` the
   * certificates and links that are asked for next are those which it came by, if nothing was changed since: for a run
   * that goes on to look at all of them at once, under the same lock.
   */
  async conform({ andRead = false }: { readonly andRead?: boolean } = {}): Promise<void> {
    await this.journal.setDoubtfulAside() // first: who could write an entry is told by modes that conform() corrects
    const survey = andRead ? new Survey(this.#neighbours()) : undefined
    const result = await conform(this.#disk, this.#world, survey)
    this.#survey = survey && result === 'nothing to mend' ? { survey, changes: this.#disk.changes } : undefined
  }

  /** What earlier runs learnt of what the CAs allow and of what fails; read once, when first asked for. */
  ledger(): Ledger {
    this.#ledger ??= openLedger(this.#disk, this.#world)
    return this.#ledger
  }

  /** What CAs said of when to renew; read once, when first asked for. */
  renewals(): RenewalMemory {
    this.#renewals ??= openRenewalMemory(this.#disk, this.#world)
    return this.#renewals
  }

  /** What became of the last runs; read at each call, and loaded then: most runs find nothing to do. */
  async history(): Promise<History> {
    const { openHistory } = await import('./history.js')
    return openHistory(this.#disk, this.#world)
  }

  /** What was served where `check` of the targets says, read anew each time. */
  served(): ServedMemory {
    return openServedMemory(this.#disk, this.#world.log)
  }

  // targets and settings (targets.ts, responses.ts)

  /**
   * Every file of desired/ with what conf/target hands down. One that cannot be understood (CONFIG), or not even read
   * (STATE: a file of root's after `sudo vi`, a folder, a bad disk), is a problem and does not stop the others; when it
   * is conf/target that cannot, there are no targets, since it names the CA.
   */
  targets(): { targets: Target[]; problems: Dns01Error[] } {
    return readTargets(this.#targetReading())
  }
  /** conf/target, with conf/webroot-path and conf/rsa-key-size filling its gaps. @throws Dns01Error CONFIG */
  defaults(): TargetDefaults {
    return readDefaults(this.#targetReading())
  }
  targetText(file: string): string {
    return this.#disk.read(layout.targetPath(file))
  }
  async writeTarget(file: string, text: string): Promise<void> {
    await this.#disk.writeFile(layout.targetPath(plainName(file)), text)
  }
  async removeTarget(file: string): Promise<void> {
    await this.#disk.remove(layout.targetPath(plainName(file)))
  }

  /**
   * Keeps a copy of a request for that target. @returns what request.csr says of it
   */
  async writeCsr(file: string, pem: string): Promise<string> {
    const path = layout.csrPath(plainName(file))
    await this.#disk.makeFolder(dirname(path))
    await this.#disk.writeFile(path, pem)
    return path
  }
  /** That copy; what request.csr leads to elsewhere is not ours. */
  async removeCsr(file: string): Promise<void> {
    await this.#disk.remove(layout.csrPath(plainName(file)))
  }

  /** The text of a file of conf/, or undefined when there is none. */
  confText(name: string): string | undefined {
    return this.#disk.readIfThere(layout.confPath(name))
  }
  async writeConf(name: string, text: string, mode?: number): Promise<void> {
    await this.#disk.writeFile(layout.confPath(plainName(name)), text, mode)
  }

  /**
   * Answers from conf/responses, a file or a folder of *.yml, *.yaml and *.json files, or from `file` instead.
   * What cannot be understood is warned about and left out. @throws Dns01Error USAGE when `file` cannot be read
   */
  responses(file?: string): Responses {
    const { answers, warnings } = readResponses(this.#disk, this.#world, file)
    this.#warnOnce(warnings)
    return answers
  }

  // keys and accounts (keys.ts)

  /** Of every key that is there; a listing, no key is read. */
  keyIds(): Set<string> {
    return listKeyIds(this.#disk)
  }
  key(id: string): KeyPair {
    return readKey(this.#disk, layout.keyPath(id), id)
  }
  /** When it was put there. */
  keyMadeAt(id: string): Date | undefined {
    return this.#disk.info(layout.keyPath(id))?.changedAt
  }
  async addKey(key: KeyPair): Promise<void> {
    await this.#disk.placeFolder(layout.keyFolder(key.id), { privkey: { bytes: key.pem } })
  }
  async removeKey(id: string): Promise<void> {
    await this.#disk.remove(layout.keyFolder(id))
  }

  /** In byte order; those of misspelt servers are left out. */
  accounts(): StoredAccount[] {
    return listAccounts(this.#disk)
  }
  /** @param id SERVER/KEYID */
  accountKey(id: string): KeyPair {
    return readKey(this.#disk, layout.accountPath(id), id.split('/').at(-1) ?? '')
  }
  /** @returns SERVER/KEYID @throws Dns01Error CONFIG when the URL is not an ACME directory's */
  async addAccount(directoryUrl: string, key: KeyPair): Promise<string> {
    const id = layout.accountId(directoryUrl, key.id)
    await this.#disk.placeFolder(layout.accountFolder(id), { privkey: { bytes: key.pem } })
    return id
  }

  /** With what leads to it, when the CA has closed it. */
  removeAccount(id: string): Promise<void> {
    return removeAccount(this.#disk, id)
  }

  // changes of account keys (rollover.ts)

  rollovers(): Rollover[] {
    return listRollovers(this.#disk, text => this.#warnOnce([text]))
  }
  noteRollover(rollover: Rollover): Promise<void> {
    return noteRollover(this.#disk, rollover)
  }
  /** The CA has made the change. @returns SERVER/KEYID, as the account is called now */
  settleRollover(rollover: Rollover): Promise<string> {
    return settleRollover(this.#disk, rollover)
  }
  /** The CA would not have it. @returns where the new key is kept, relative to the root */
  setRolloverAside(rollover: Rollover): Promise<string> {
    return setRolloverAside(this.#disk, rollover)
  }

  // certificates (certificates.ts, certificate-files.ts)

  /** What is wrong with them is warned about, once. */
  certificates(): Certificate[] {
    const surveyed = this.#surveyed()?.takeCertificates()
    if (surveyed) {
      this.#warnOnce(surveyed.warnings)
      return withRenewals(surveyed.certificates, this.renewals())
    }
    const keyIds = this.keyIds()
    const read = readCertificates(this.#disk, {
      ...this.#neighbours(),
      hasKeyFolder: id => keyIds.has(id),
      keyChanged: id => keyChange(this.#disk.info(layout.keyPath(id))),
      warn: text => this.#warnOnce([text]),
    })
    return withRenewals(read, this.renewals())
  }

  #neighbours(): Pick<Neighbours, 'idOfKey' | 'isLive'> {
    let live: ReadonlySet<string> | undefined
    return {
      idOfKey: id => idOfKeyIn(this.#disk, id),
      isLive: id => {
        live ??= new Set(readLinks(this.#disk).values()) // looked at only when something is wrong
        return live.has(id)
      },
    }
  }

  /** What conform() came by, as long as nothing was changed since. */
  #surveyed(): Survey | undefined {
    return this.#survey?.changes === this.#disk.changes ? this.#survey.survey : undefined
  }

  /**
   * Remembers an order before it is finalized; one of another client may lack the account.
   * @returns the id of the certificate to come; twice is the same as once
   */
  addOrder(order: StoredOrder): Promise<string> {
    return placeOrder(this.#disk, order)
  }
  /**
   * A certificate that came by another way than an order, whole at once; its key is in keys/.
   * @returns its id; twice is the same as once
   */
  addCertificate(certificate: WithoutOrder): Promise<string> {
    return placeWithoutOrder(this.#disk, certificate)
  }
  /** PEM; what leads up from that certificate. */
  chainOf(id: string): string {
    return this.#disk.read(layout.certificatePath(id, 'chain'))
  }
  /**
   * Both PEM, newline at the end; `chain` may be empty. `fullchain` comes last: it is what makes the folder complete.
   */
  storeCertificate(id: string, files: { readonly cert: string; readonly chain: string }): Promise<void> {
    return storeFiles(this.#disk, id, files)
  }
  /**
   * Makes `privkey` of these certificates the link to their key, where the key is there and something else stands: says
   * so. @returns their ids
   */
  mendKeyLinks(certificates: readonly Certificate[]): Promise<ReadonlySet<string>> {
    return mendKeyLinks(this.#disk, this.#world.log, certificates)
  }

  /**
   * The certificate itself, as revokeCert wants it (RFC 8555 §7.6).
   * @throws Dns01Error STATE when it is not downloaded
   */
  certificateDer(id: string): Uint8Array {
    return readDerOf(this.#disk, id)
  }
  /** The certificate and its chain, as servers get them, DER. @throws Dns01Error STATE when it is not downloaded */
  certificateChain(id: string): readonly Uint8Array[] {
    return pemBodies(this.#disk.read(layout.certificatePath(id, 'fullchain')))
  }
  /** Whole, at once. Links of live/ to it would be left broken: point them elsewhere first. */
  async removeCertificate(id: string): Promise<void> {
    await this.#disk.remove(layout.certificateFolder(id))
  }
  /**
   * Asks the next reconcile to revoke it. The file is empty, as acmetool makes it, or holds the reason, which
   * acmetool does not read.
   */
  async requestRevocation(id: string, reason?: number): Promise<void> {
    await this.#disk.writeFile(layout.certificatePath(id, 'revoke'), reason === undefined ? '' : `${reason}\n`)
  }
  /** That came with the request (RFC 5280 §5.3.1). */
  revocationReason(id: string): number | undefined {
    return readRevocationReason(this.#disk, id)
  }
  /** After the CA confirmed. */
  async markRevoked(id: string): Promise<void> {
    await this.#disk.writeFile(layout.certificatePath(id, 'revoked'), '')
  }

  // live/ (live-links.ts)

  /** Link name → certificate id. What is not a link to a certificate is left out. */
  links(): Map<string, string> {
    return this.#surveyed()?.takeLinks() ?? readLinks(this.#disk)
  }
  /** What is live under one link; undefined: nothing, or nothing that can be read. */
  liveCertificate(link: string): LiveCertificate | undefined {
    return readLive(this.#disk, link)
  }
  /**
   * Points live/LINK at a complete certificate, whose `privkey` link is mended if need be.
   * @returns whether that changed anything @throws Dns01Error STATE when the certificate is not complete, or no link
   * stands there
   */
  async pointLive(link: string, certificateId: string): Promise<boolean> {
    return this.#live.point(plainName(link), certificateId)
  }
  async removeLive(link: string): Promise<void> {
    await this.#disk.remove(layout.livePath(plainName(link)))
  }

  #targetReading(): TargetReading {
    return { disk: this.#disk, world: this.#world, warnOnce: warnings => this.#warnOnce(warnings) }
  }

  #warnOnce(warnings: readonly string[]): void {
    for (const warning of warnings)
      if (!this.#warned.has(warning)) {
        this.#warned.add(warning)
        this.#world.log.warn(warning)
      }
  }
}

/**
 * A name that can be a file of a folder: what people type ends up here. 255 bytes is what file systems take
 * (NAME_MAX).
 */
function plainName(name: string): string {
  if (name === '' || name.startsWith('.') || name.includes('/') || name.includes('\0') || Buffer.byteLength(name) > 255)
    throw new Dns01Error('USAGE', `${JSON.stringify(name)} cannot be the name of a file in the state directory`)
  return name
}

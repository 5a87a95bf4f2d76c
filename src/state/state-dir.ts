// The state directory as the rest of dns01 sees it: a method for each question and each change, and no path.
// acmetool's schema is kept to the letter, as both programs may work in the same directory.
import { dirname, join } from 'node:path'
import { parseDefaults, parseTarget } from '../config/target-file.js'
import { Dns01Error, messageOf } from '../core/errors.js'
import type { Target, TargetDefaults } from '../core/target.js'
import { mustBeOurs, startsPrograms } from '../core/trust.js'
import type { World } from '../core/world.js'
import { readCertificate } from '../x509/certificate.js'
import { type KeyPair, parseKey } from '../x509/keys.js'
import { pemBodies } from '../x509/pem.js'
import { type Certificate, readCertificates } from './certificates.js'
import { conform } from './conform.js'
import { type Disk, openDisk } from './disk.js'
import { type Fence, openFence } from './fence.js'
import { openJournal, type StateJournal } from './journal.js'
import * as layout from './layout.js'
import { type Ledger, openLedger } from './ledger.js'
import { ownersFrom, type Permissions, parsePermissions, permissions } from './permissions.js'
import { type Answers, parseResponses, type Responses, responses } from './responses.js'

type StateWorld = Pick<World, 'clock' | 'files' | 'log' | 'random' | 'self'>

/** An account as it is stored: accounts/SERVER/KEYID. */
export interface StoredAccount {
  /** SERVER/KEYID. */
  readonly id: string
  readonly server: string
  readonly keyId: string
}

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
  readonly #disk: Disk
  readonly #world: StateWorld
  readonly #warned = new Set<string>()
  /** Certificates whose `privkey` link was looked at: a hundred names make a hundred links to one of them. */
  readonly #keyLinkIsRight = new Set<string>()
  #ledger: Ledger | undefined

  private constructor(world: StateWorld, root: string, disk: Disk, fence: Fence) {
    this.root = root
    this.fence = fence
    this.#world = world
    this.#disk = disk
    this.journal = openJournal(disk, world)
  }

  /**
   * Makes nothing yet; conform() does. With `readOnly` nothing can be made or changed, and a directory that does not
   * exist is an empty one.
   * @param root absolute
   * @throws Dns01Error STATE when it is a file, cannot be read, or holds something else altogether; CONFIG for a mistake in conf/perm
   */
  static async open(world: StateWorld, root: string, options: { readonly readOnly?: boolean } = {}): Promise<StateDir> {
    const place = followLinks(world, root)
    const looking = openDisk(world, place, { readOnly: true })
    const info = looking.info('.')
    if (info && info.kind !== 'folder')
      throw new Dns01Error('STATE', `the state directory ${root} is a ${info.kind}`, {
        hint: 'choose a folder with --state or ACME_STATE_DIR',
      })
    looking.list('.')
    if (!options.readOnly) {
      refuseForeignFolder(looking)
      refuseWrongKinds(looking)
    }
    const fence = openFence()
    const disk = openDisk(world, place, { ...options, fence, permissions: readPermissions(world, looking) })
    return new StateDir(world, place, disk, fence)
  }

  /** Whether the folder is there at all; one that was opened to look need not be. */
  exists(): boolean {
    return this.#disk.info('.') !== undefined
  }

  /** Makes and mends what the schema asks for, and says so; a run with nothing to do writes nothing. */
  async conform(): Promise<void> {
    await this.journal.setDoubtfulAside() // first: who could write an entry is told by modes that conform() corrects
    await conform(this.#disk, this.#world)
  }

  /** What earlier runs learnt of what the CAs allow and of what fails; read once, when first asked for. */
  ledger(): Ledger {
    this.#ledger ??= openLedger(this.#disk, this.#world)
    return this.#ledger
  }

  // targets and settings

  /**
   * Every file of desired/ with what conf/target hands down. One that cannot be understood (CONFIG), or not even read
   * (STATE: a file of root's after `sudo vi`, a folder, a bad disk), is a problem and does not stop the others; when it is conf/target that cannot, there are no targets, since it names the CA.
   */
  targets(): { targets: Target[]; problems: Dns01Error[] } {
    const targets: Target[] = []
    const problems: Dns01Error[] = []
    const attempt = <T>(read: () => T): T | undefined => {
      try {
        return read()
      } catch (error) {
        if (!(error instanceof Dns01Error) || !['CONFIG', 'STATE'].includes(error.code)) throw error
        problems.push(error)
        return undefined
      }
    }
    const defaults = attempt(() => this.defaults())
    if (defaults)
      for (const { name, kind } of this.#disk.list('desired'))
        if (!layout.isHidden(name)) {
          const target = attempt(() => this.#target(name, kind, defaults))
          if (target) targets.push(target)
        }
    return { targets, problems }
  }

  #target(file: string, kind: string, defaults: TargetDefaults): Target {
    if (kind !== 'file')
      throw new Dns01Error('CONFIG', `desired/${file} is a ${kind}, not a file`, { hint: 'targets are plain files' })
    const { target, warnings } = parseTarget({ file, text: this.#disk.read(layout.targetPath(file)), defaults })
    if (startsPrograms(target, defaults)) mustBeOurs(this.#world, join(this.root, layout.targetPath(file)))
    this.#warnOnce(warnings)
    return target
  }

  /** conf/target, with conf/webroot-path and conf/rsa-key-size filling its gaps. @throws Dns01Error CONFIG */
  defaults(): TargetDefaults {
    const { defaults, warnings } = parseDefaults(this.confText('target') ?? '', {
      webrootPath: this.confText('webroot-path'),
      rsaKeySize: this.confText('rsa-key-size'),
    })
    if (startsPrograms(defaults)) mustBeOurs(this.#world, join(this.root, layout.confPath('target')))
    this.#warnOnce(warnings)
    return defaults
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
    return responses(file === undefined ? this.#answersInConf() : this.#answersIn(file, this.#givenFile(file)))
  }

  #answersInConf(): Answers {
    const path = layout.confPath('responses')
    if (this.#disk.info(path)?.kind !== 'folder') return this.#answersIn(path, this.#disk.readIfThere(path) ?? '')
    const files = this.#disk.list(path).filter(({ name }) => !layout.isHidden(name) && /\.(ya?ml|json)$/.test(name))
    return new Map(
      files.flatMap(({ name }) => [...this.#answersIn(`${path}/${name}`, this.#disk.read(`${path}/${name}`))]),
    )
  }

  #answersIn(file: string, text: string): Answers {
    const { answers, warnings } = parseResponses(text, file)
    this.#warnOnce(warnings)
    return answers
  }

  #givenFile(file: string): string {
    try {
      return Buffer.from(this.#world.files.read(file)).toString('utf8')
    } catch (cause) {
      throw new Dns01Error('USAGE', `the response file cannot be read: ${messageOf(cause)}`, { cause })
    }
  }

  // keys and accounts

  /** Of every key that is there; a listing, no key is read. */
  keyIds(): Set<string> {
    return new Set(
      this.#disk
        .list('keys')
        .flatMap(({ name, kind }) => (kind === 'folder' && layout.ID_FORM.test(name) ? [name] : [])),
    )
  }
  key(id: string): KeyPair {
    return this.#readKey(layout.keyPath(id), id)
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
    return this.#disk
      .list('accounts')
      .flatMap(({ name: server, kind }) =>
        kind === 'folder' && layout.isServerPart(server)
          ? this.#disk
              .list(`accounts/${server}`)
              .flatMap(({ name: keyId }) =>
                layout.ID_FORM.test(keyId) ? [{ id: `${server}/${keyId}`, server, keyId }] : [],
              )
          : [],
      )
  }
  accountKey(id: string): KeyPair {
    return this.#readKey(layout.accountPath(id), id.split('/').at(-1) ?? '')
  }
  /** @returns SERVER/KEYID @throws Dns01Error CONFIG when the URL is not an ACME directory's */
  async addAccount(directoryUrl: string, key: KeyPair): Promise<string> {
    const id = layout.accountId(directoryUrl, key.id)
    await this.#disk.placeFolder(layout.accountFolder(id), { privkey: { bytes: key.pem } })
    return id
  }

  #readKey(path: string, id: string): KeyPair {
    const key = parsed(this.#disk.read(path), path)
    if (key.id !== id)
      throw new Dns01Error('STATE', `${join(this.root, path)} holds another key, ${key.id}`, {
        hint: 'the folder must be named by the id of its key; acmetool stops at this',
      })
    return key
  }

  // certificates

  certificates(): Certificate[] {
    let live: ReadonlySet<string> | undefined
    const isLive = (id: string): boolean => {
      live ??= new Set(this.links().values()) // looked at only when something is wrong
      return live.has(id)
    }
    return readCertificates({
      isLive,
      disk: this.#disk,
      keyIds: this.keyIds(),
      idOfKey: id => parsed(this.#disk.read(layout.keyPath(id)), layout.keyPath(id)).id,
      log: { warn: text => this.#warnOnce([text]) },
    })
  }

  /** Makes `privkey` of these certificates the link to their key, where the key is there and something else stands: says so. @returns their ids */
  async mendKeyLinks(certificates: readonly Certificate[]): Promise<ReadonlySet<string>> {
    const mended = new Set<string>()
    for (const { id, complete, hasKey, keyId, facts } of certificates) {
      if (!complete || !hasKey || !facts || keyId === facts.keyId) continue
      if (this.#disk.info(layout.certificatePath(id, 'privkey'))) {
        this.#world.log.warn(`certs/${id}/privkey is not the link to the key of its certificate; mending it`)
        mended.add(id)
      }
      await this.#mendKeyLink(id, facts.keyId) // acmetool makes a missing one at its next load, in silence
    }
    return mended
  }

  /**
   * Remembers an order before it is finalized; one of another client may lack the account.
   * @returns the id of the certificate to come; twice is the same as once
   */
  async addOrder(order: {
    readonly url: string
    readonly accountId: string | undefined
    readonly keyId: string
  }): Promise<string> {
    const id = layout.certificateId(order.url)
    await this.#disk.placeFolder(layout.certificateFolder(id), {
      ...(order.accountId !== undefined && { account: { linkTo: layout.accountLinkTo(order.accountId) } }),
      url: { bytes: order.url.trim() },
      privkey: { linkTo: layout.keyLinkTo(order.keyId) },
    })
    return id
  }

  /** Both PEM, newline at the end; `chain` may be empty. `fullchain` comes last: it is what makes the folder complete. */
  async storeCertificate(
    id: string,
    { cert, chain }: { readonly cert: string; readonly chain: string },
  ): Promise<void> {
    await this.#mendKeyLink(id, readCertificate(cert).keyId)
    await this.#disk.writeFiles(layout.certificateFolder(id), { cert, chain })
    await this.#disk.writeFile(layout.certificatePath(id, 'fullchain'), cert + chain)
  }

  /** A certificate whose key is there has a `privkey` link to it; acmetool mends this on every load. */
  async #mendKeyLink(id: string, keyId: string): Promise<void> {
    const path = layout.certificatePath(id, 'privkey')
    const right = layout.keyLinkTo(keyId)
    if (this.#disk.linkAt(path) === right || !this.#disk.info(layout.keyPath(keyId))) return
    await this.#disk.pointLink(path, right)
  }

  /** The certificate itself, as revokeCert wants it (RFC 8555 §7.6). @throws Dns01Error STATE when it is not downloaded */
  certificateDer(id: string): Uint8Array {
    const [der] = pemBodies(this.#disk.read(layout.certificatePath(id, 'cert')))
    if (!der)
      throw new Dns01Error('STATE', `${join(this.root, layout.certificatePath(id, 'cert'))} holds no certificate`)
    return der
  }

  /** Whole, at once. Links of live/ to it would be left broken: point them elsewhere first. */
  async removeCertificate(id: string): Promise<void> {
    await this.#disk.remove(layout.certificateFolder(id))
  }
  /** Asks the next reconcile to revoke it. The file is empty, as acmetool makes it, or holds the reason, which acmetool does not read. */
  async requestRevocation(id: string, reason?: number): Promise<void> {
    await this.#disk.writeFile(layout.certificatePath(id, 'revoke'), reason === undefined ? '' : `${reason}\n`)
  }
  /** That came with the request (RFC 5280 §5.3.1). */
  revocationReason(id: string): number | undefined {
    const text = (this.#disk.readIfThere(layout.certificatePath(id, 'revoke')) ?? '').trim()
    return /^\d+$/.test(text) ? Number(text) : undefined
  }
  /** After the CA confirmed. */
  async markRevoked(id: string): Promise<void> {
    await this.#disk.writeFile(layout.certificatePath(id, 'revoked'), '')
  }

  // live/

  /** Link name → certificate id. What is not a link to a certificate is left out. */
  links(): Map<string, string> {
    const links = new Map<string, string>()
    for (const { name, kind } of this.#disk.list('live')) {
      if (kind !== 'link' || layout.isHidden(name)) continue
      const [, id] = this.#disk.linkAt(layout.livePath(name))?.match(/^\.\.\/certs\/([^/]+)\/?$/) ?? []
      if (id !== undefined) links.set(name, id)
    }
    return links
  }

  /**
   * Points live/LINK at a complete certificate, whose `privkey` link is mended if need be.
   * @returns whether that changed anything @throws Dns01Error STATE when the certificate is not complete, or no link stands there
   */
  async pointLive(link: string, certificateId: string): Promise<boolean> {
    const path = layout.livePath(plainName(link))
    if (!this.#disk.info(layout.certificatePath(certificateId, 'fullchain')))
      throw new Dns01Error('STATE', `certs/${certificateId} is not complete; ${path} is not pointed at it`)
    if (!this.#keyLinkIsRight.has(certificateId)) {
      const { keyId } = readCertificate(this.#disk.read(layout.certificatePath(certificateId, 'fullchain')))
      await this.#mendKeyLink(certificateId, keyId)
      this.#keyLinkIsRight.add(certificateId)
    }
    const before = this.#disk.info(path)
    if (before && before.kind !== 'link')
      throw new Dns01Error('STATE', `${join(this.root, path)} is a ${before.kind}, not a link`, {
        hint: 'move it out of the way; live/ is for links only',
      })
    if (before && this.#disk.linkAt(path) === layout.liveLinkTo(certificateId)) return false
    await this.#disk.pointLink(path, layout.liveLinkTo(certificateId))
    return true
  }
  async removeLive(link: string): Promise<void> {
    await this.#disk.remove(layout.livePath(plainName(link)))
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
 * What was meant for something else would come to harm: a slip in `--state`. Names alone do not tell: certbot's folder
 * has `accounts`, `keys` and `live`, the root of a machine has `tmp`. So beside anything that is not ours there must be
 * `desired`, and something that is named by an id as nobody else names things.
 */
function refuseForeignFolder(disk: Disk): void {
  const all = disk.list('.').map(({ name }) => name)
  const visible = all.filter(name => !layout.isHidden(name) && name !== 'lost+found')
  const ours = (name: string): boolean => ([...layout.FOLDERS, layout.HAPROXY] as string[]).includes(name)
  const strange = visible.join() === 'tmp' && !all.includes(layout.HIDDEN) ? 'tmp' : visible.find(name => !ours(name))
  if (strange === undefined || (visible.includes('desired') && holdsAnId(disk))) return
  const isCertbots = ['archive', 'live', 'renewal'].every(name => visible.includes(name))
  throw new Dns01Error(
    'STATE',
    `${disk.root} is not a state directory: it holds ${strange}, and no certificate, account or key of dns01 or acmetool`,
    {
      hint: isCertbots
        ? `this is certbot's folder: \`dns01 import-le ${disk.root}\` takes over what it holds; give --state a folder of its own`
        : 'give an empty folder, or one of acmetool or dns01, with --state or ACME_STATE_DIR',
    },
  )
}

const holdsAnId = (disk: Disk): boolean => {
  const hasId = (folder: string): boolean => disk.list(folder).some(({ name }) => layout.ID_FORM.test(name))
  const folders = disk.list('accounts').filter(({ kind }) => kind === 'folder')
  return ['certs', 'keys', ...folders.map(({ name }) => `accounts/${name}`)].some(hasId)
}

/** A link in the place of a folder leads to files that nobody meant us to list, correct or remove; acmetool stops there, too. */
function refuseWrongKinds(disk: Disk): void {
  for (const path of [...layout.FOLDERS, layout.HIDDEN, layout.JOURNAL, layout.SET_ASIDE]) {
    const kind = disk.info(path)?.kind ?? 'folder'
    if (kind !== 'folder')
      throw new Dns01Error(
        'STATE',
        `${disk.root}/${path} is a ${kind === 'other' ? 'special file' : kind}, not a folder`,
        {
          hint: `put a folder in its place; to keep everything elsewhere, let ${disk.root} itself be a link`,
        },
      )
  }
}

function parsed(pem: string, path: string): KeyPair {
  try {
    return parseKey(pem)
  } catch (cause) {
    if (!(cause instanceof Dns01Error)) throw cause
    throw new Dns01Error('STATE', `${path}: ${cause.message}`, { hint: cause.hint, cause })
  }
}

/** The root may be a link to where it really is; links in it are relative to that place. */
function followLinks(world: StateWorld, root: string, hops = 40): string {
  const target = openDisk(world, root, { readOnly: true }).linkAt('.')
  return target === undefined || hops === 0
    ? root
    : followLinks(world, join(target.startsWith('/') ? '/' : dirname(root), target), hops - 1)
}

function readPermissions(world: StateWorld, disk: Disk): Permissions {
  const text = disk.readIfThere(layout.confPath('perm'))
  if (text === undefined) return permissions()
  const table = (path: string): string => {
    try {
      return Buffer.from(world.files.read(path)).toString('utf8')
    } catch {
      return ''
    }
  }
  const owners = ownersFrom(table('/etc/passwd'), table('/etc/group'), world.self)
  const found = parsePermissions(text, { ...owners, directory: disk.info('.')?.uid })
  for (const warning of found.warnings) world.log.warn(warning)
  return found.permissions
}

/** A name that can be a file of a folder: what people type ends up here. */
function plainName(name: string): string {
  if (name === '' || name.startsWith('.') || name.includes('/') || name.includes('\0') || Buffer.byteLength(name) > 255)
    throw new Dns01Error('USAGE', `${JSON.stringify(name)} cannot be the name of a file in the state directory`)
  return name
}

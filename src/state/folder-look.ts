// A look at one folder of certs/, shared by those who have questions to it. conform() asks for the rights of each file and
// where links lead, and whoever reads certificates asks for the same and for what is in the files: with 10,000 of them each
// question that is put to the disk once instead of twice saves 50 ms of a run.
import type { FileInfo } from '../core/world.js'
import type { Disk } from './disk.js'

/**
 * What of a certificate's folder is read in every run: then its rights come with its text, by the same descriptor.
 */
const READ_ANYWAY = ['url', 'fullchain']

interface Entry {
  readonly name: string
  /** undefined: nobody listed the folder. */
  readonly kind?: FileInfo['kind']
  info?: FileInfo | undefined
  text?: string | undefined
  target?: string | undefined
  isRead?: boolean
}

/** Lives as long as one folder is looked at, and is then thrown away: of 10,000 folders it would be 40 MB. */
export class FolderLook {
  readonly path: string
  readonly #disk: Disk
  /** Seven or so: to look through them is quicker than to make a map of them. */
  readonly #entries: Entry[]
  /** Whether what is not among the entries is not there. */
  readonly #isListed: boolean

  /** `listing`, if it is at hand; looking for seven files by name takes half the time of listing a folder. */
  constructor(disk: Disk, path: string, listing?: ReturnType<Disk['list']>) {
    this.path = path
    this.#disk = disk
    this.#isListed = listing !== undefined
    this.#entries = listing?.map(({ name, kind }) => ({ name, kind })) ?? []
  }

  /** As Disk.info(). */
  info(name: string): FileInfo | undefined {
    const entry = this.#entry(name)
    if (!entry) return undefined
    if (READ_ANYWAY.includes(name)) this.#readOnce(entry)
    entry.info ??= this.#disk.info(`${this.path}/${name}`)
    return entry.info
  }

  /** As Disk.linkAt(). */
  linkAt(name: string): string | undefined {
    const entry = this.#entry(name)
    if (!entry || !mayBe(entry, 'link')) return undefined
    entry.target ??= this.#disk.linkAt(`${this.path}/${name}`)
    return entry.target
  }

  /** As Disk.readIfThere(): follows a link, and throws what that throws. */
  text(name: string): string | undefined {
    const entry = this.#entry(name)
    if (!entry) return undefined
    this.#readOnce(entry)
    entry.text ??= this.#disk.readIfThere(`${this.path}/${name}`)
    return entry.text
  }

  #entry(name: string): Entry | undefined {
    const there = this.#entries.find(entry => entry.name === name)
    if (there || this.#isListed) return there
    const entry = { name }
    this.#entries.push(entry)
    return entry
  }

  /** By descriptor where it is a plain file; else, and where that fails, the questions are put one by one. */
  #readOnce(entry: Entry): void {
    if (entry.isRead || !mayBe(entry, 'file')) return
    entry.isRead = true
    const file = this.#disk.file(`${this.path}/${entry.name}`)
    entry.info = file?.info
    entry.text = file?.text
  }
}

/** A listing tells kinds: a link is not opened, and of a file nobody asks where it leads. */
const mayBe = ({ kind }: Entry, wanted: FileInfo['kind']): boolean => kind === undefined || kind === wanted

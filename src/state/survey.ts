// What conform() comes by when it looks at everything is what a run wants to know next: the certificates, and the links
// of live/. With 10,000 certificates and nothing to do, which is what cron finds, reading them again would be a third of
// the run.
import { codeOf } from '../core/errors.js'
import type { FileInfo } from '../core/world.js'
import { type Certificate, CertificateReader, keyChange, type Neighbours } from './certificates.js'
import type { Finds } from './conform.js'
import type { FolderLook } from './folder-look.js'
import { ID_FORM } from './layout.js'
import { certificateOf } from './live-links.js'

/** Reads along with one conform(). What it read counts only where that found nothing to mend. */
export class Survey implements Finds {
  #certificates: Certificate[] | undefined = []
  #links: Map<string, string> | undefined = new Map()
  /** To be said when the certificates are asked for, as if they were read then. */
  readonly #warnings: string[] = []
  /** When each key was put there, in milliseconds: a Date of each is a megabyte. */
  readonly #keys = new Map<string, number | 'empty' | undefined>()
  /** The ids of the certificates, by themselves: links share the text that is kept already. */
  readonly #ids = new Map<string, string>()
  readonly #reader: CertificateReader

  constructor(others: Pick<Neighbours, 'idOfKey' | 'isLive'>) {
    this.#reader = new CertificateReader({
      ...others,
      hasKeyFolder: id => this.#keys.has(id),
      keyChanged: id => {
        const changed = this.#keys.get(id)
        return typeof changed === 'number' ? new Date(changed) : changed
      },
      warn: text => void this.#warnings.push(text),
    })
  }

  /** Comes before all certificates. */
  key(name: string, look: FolderLook): void {
    if (!ID_FORM.test(name)) return
    const changed = keyChange(look.info('privkey'))
    this.#keys.set(name, changed instanceof Date ? changed.getTime() : changed)
  }

  /** An error is not conform()'s: it mends modes and goes on, and the files may be readable afterwards. */
  certificate(name: string, kind: FileInfo['kind'], look: () => FolderLook): void {
    try {
      const read = this.#reader.read(name, kind, look)
      if (!read) return
      this.#certificates?.push(read)
      this.#ids.set(read.id, read.id)
    } catch (error) {
      if (codeOf(error) === 'BUG') throw error
      this.#certificates = undefined // whoever asks for them is to be told, not conform()
    }
  }

  /** Comes after all certificates: `certs` is before `live` in byte order. */
  live(name: string, target: string): void {
    const id = certificateOf(target)
    if (id !== undefined) this.#links?.set(name, this.#ids.get(id) ?? id)
  }

  /** What was read, once: whoever asks again wants to know what is there then. */
  takeCertificates(): { readonly certificates: Certificate[]; readonly warnings: readonly string[] } | undefined {
    const certificates = this.#certificates
    this.#certificates = undefined
    this.#keys.clear()
    return certificates && { certificates, warnings: this.#warnings }
  }
  takeLinks(): Map<string, string> | undefined {
    const links = this.#links
    this.#links = undefined
    return links
  }
}

// What the run under way has done outside so far, counted where it is done, for its record in the history (history.ts).

export class Tally {
  readonly #orders = new Map<string, number>()
  #dnsChanges = 0

  /** The CA made an order; by caKey() of ledger-keys.ts. */
  ordered(ca: string): void {
    this.#orders.set(ca, (this.#orders.get(ca) ?? 0) + 1)
  }
  /** A provider has placed or removed records of a zone. */
  dnsChanged(): void {
    this.#dnsChanges++
  }

  get orders(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#orders)
  }
  get dnsChanges(): number {
    return this.#dnsChanges
  }
}

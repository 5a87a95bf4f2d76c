import { expect } from 'vitest'
import type { MemoryFiles } from './memory-files.js'

/** What must hold in a state directory at any moment, whoever looks. */
export function invariants(files: MemoryFiles, root: string): void {
  const tree = files.info(root) ? files.tree(root) : []
  const present = new Set(tree.map(line => line.replace(/^(\w+) (\d+ )?/, '$1 ')))
  for (const line of tree) {
    if (/^file (?!600).*\/privkey$/.test(line)) expect.fail(`a key that others can read: ${line}`)
    if (/^folder (?!700 )\d+ ((keys|accounts)(\/|$)|tmp$)/.test(line)) expect.fail(`others can enter: ${line}`)
    const [, folder] = line.match(/^folder \d+ ((?:keys|certs|accounts\/[^/]+)\/[a-z2-7]{52})$/) ?? []
    const must = folder?.startsWith('certs/') ? 'url' : 'privkey'
    if (folder && !present.has(`file ${folder}/${must}`)) expect.fail(`half-made ${folder}`)
    const [, complete] = line.match(/^file \d+ (certs\/.*)\/fullchain$/) ?? []
    if (complete) readable(files, `${root}/${complete}`, ['cert', 'chain', 'privkey', 'url'])
    const [, link] = line.match(/^link (live\/.*) ->/) ?? []
    if (link) readable(files, `${root}/${link}`, ['fullchain', 'cert', 'chain', 'privkey'])
  }
}

function readable(files: MemoryFiles, folder: string, names: readonly string[]): void {
  for (const name of names) expect(() => files.text(`${folder}/${name}`), `${folder}/${name}`).not.toThrow()
}

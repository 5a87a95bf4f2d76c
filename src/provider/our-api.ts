// Makes `import 'dns01/provider'` lead to the dns01 that is running, from wherever a provider's file lies. Two copies
// of the API in one process would have two classes of errors.
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** As in `exports` of our package.json. */
const API = 'dns01/provider'

/** At module level, as what it guards is: node's loader belongs to the process, and hooks cannot be taken out again. */
let given = false

/**
 * From here on `dns01/provider` is this dns01's own, whoever imports it. Node alone would look into the node_modules above
 * the provider's file: a file in /etc has none, and a package may have brought another copy of dns01 along, whose errors
 * are of another class than ours and so would be taken for bugs. To hand the API to a function that the provider exports was
 * the alternative: then its types would come from one place, and its values from another.
 */
export function giveOurApi(): void {
  const url = given ? undefined : ownApi()
  given = true
  if (url !== undefined) resolveApiTo(url)
}

function resolveApiTo(url: string): void {
  // Node 20 and older 22 have hooks of import() only, in a thread of their own; require() is not served there.
  if (!('registerHooks' in module)) {
    module.register(`data:text/javascript,${encodeURIComponent(hooksText(url))}`)
    return
  }
  const { registerHooks } = module as unknown as { registerHooks(hooks: { resolve: Resolve }): void }
  registerHooks({
    resolve: (name, context, next) => (name === API ? { url, shortCircuit: true } : next(name, context)),
  })
}

/** A hook of node's module loader (node:module, "Customization hooks"). */
type Resolve = (name: string, context: unknown, next: (name: string, context: unknown) => unknown) => unknown

/** The same hook as text, for the thread of older versions of Node: it sees nothing of this one's variables. */
const hooksText = (url: string): string =>
  `export const resolve = (name, context, next) =>
    name === ${JSON.stringify(API)} ? { url: ${JSON.stringify(url)}, shortCircuit: true } : next(name, context)`

/** dist/provider.js, here or in the folder above; undefined where nothing is built. */
function ownApi(): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url))
  const path = [here, dirname(here)].map(folder => join(folder, 'provider.js')).find(existsSync)
  return path && pathToFileURL(path).href
}

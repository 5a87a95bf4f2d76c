/** `dns01 want`: asks for one certificate for these names, and gets it. */

import { Dns01Error, shortList } from '../core/errors.js'
import { type Name, parseNames } from '../core/names.js'
import { type Asked, keyKind, stagingFor } from '../manage/asked.js'
import { addWanted, addWantedCsr, wantedTarget } from '../manage/desired.js'
import { keyIn } from '../manage/import-keys.js'
import { placePlaceholders, unlinkedOf } from '../renew/placeholder.js'
import { recorded } from '../renew/recorded.js'
import { type Context, looking, reconcileNow } from '../renew/run.js'
import { report } from '../report/report.js'
import { tellSummary } from '../report/summary.js'
import type { StateDir } from '../state/state-dir.js'
import { type KeyPair, parseKey } from '../x509/keys.js'
import { type Command, type CommandArgs, texts } from './command.js'

export const want: Command = {
  command: 'want [names..]',
  describe: 'Ask for one certificate for these names, and get it.',
  example: "want www.example.com '*.example.com'",
  options: {
    csr: {
      type: 'string',
      describe: 'for the key and the names of this certificate request (PEM or DER), which is copied',
    },
    'key-type': { type: 'string', describe: 'ecdsa-p256, ecdsa-p384, rsa2048, rsa3072 or rsa4096' },
    key: { type: 'string', describe: 'for the private key in this PEM file, which is copied' },
    staging: {
      type: 'boolean',
      describe: "from the test system of conf/target's CA, whose certificates nobody trusts",
    },
    placeholder: {
      type: 'boolean',
      describe: 'a self-signed certificate in live/ until there is one, so that a web server can start',
    },
    'dry-run': { type: 'boolean', describe: 'probe the names and say what would be done; write no target, ask no CA' },
    reconcile: { type: 'boolean', default: true, describe: 'get it now; --no-reconcile leaves it to the next run' },
  },
  placesRecords: true,
  run: async (args, context) => {
    const wish = wishOf(args)
    if (args['dry-run'] === true) {
      const { dryRun, dryRunLines } = await import('../probe/dry-run.js') // much, and seldom needed
      const state = await looking(context)
      const found = await dryRun(context, state, wish.names, askedOf(context, state, wish).asked)
      context.out.show(found.document, () => dryRunLines(found.document))
      return found.errors
    }
    return recorded(context, async state => {
      await state.conform()
      const { files, wanted } = await add(context, state, wish)
      if (args.placeholder === true) await addPlaceholders(context, state, files)
      if (args.reconcile === false) {
        context.out.show({ files }, () => [])
        context.out.tell([`${shortList(wanted)}: noted; dns01 reconcile gets the certificate`])
        return { outcomes: [], errors: [] }
      }
      const outcomes = await reconcileNow(context, state, { wanted })
      const errors = report(context, state, outcomes, { names: wanted, files })
      await tellSummary(context, state, files)
      return { outcomes, errors }
    })
  },
}

/** What the command line says, as far as it can be judged without a look at the state directory. */
interface Wish {
  readonly names: readonly Name[]
  readonly csr: string | undefined
  readonly key: Asked['key']
  readonly keyFile: string | undefined
  readonly staging: boolean
}

/** @throws Dns01Error USAGE */
function wishOf({ names: words, csr, key, staging, ...rest }: CommandArgs): Wish {
  const names = parseNames(texts(words))
  const kind = rest['key-type']
  if (names.length === 0 && csr === undefined)
    throw new Dns01Error('USAGE', 'want lacks an argument', {
      hint: 'dns01 want <names..>, or dns01 want --csr FILE',
    })
  const others = { 'key-type': kind, key, staging, placeholder: rest.placeholder, 'dry-run': rest['dry-run'] }
  const [other] = Object.entries(others).flatMap(([flag, value]) => (value ? [flag] : []))
  if (csr !== undefined && other !== undefined) throw notBoth('csr', other)
  if (kind !== undefined && key !== undefined) throw notBoth('key', 'key-type')
  return {
    names,
    csr: csr as string | undefined,
    key: kind === undefined ? undefined : keyKind(String(kind)),
    keyFile: key as string | undefined,
    staging: staging === true,
  }
}

const notBoth = (one: string, other: string): Dns01Error =>
  new Dns01Error('USAGE', `--${one} and --${other} cannot be together`, { hint: 'leave one of them out' })

/** With what conf/target and the key file say. Changes nothing. */
function askedOf({ world }: Context, state: StateDir, wish: Wish): { asked: Asked; keyPair: KeyPair | undefined } {
  const keyPair = wish.keyFile === undefined ? undefined : keyIn(world, wish.keyFile, parseKey)
  const ca = wish.staging ? stagingFor(state.defaults()) : undefined
  return { asked: { key: wish.key, keyId: keyPair?.id, ca }, keyPair }
}

async function add(context: Context, state: StateDir, wish: Wish) {
  const { world } = context
  const { names, csr } = wish
  if (csr !== undefined) {
    const added = await addWantedCsr(world, state, csr, names)
    return { files: [added.file], wanted: added.names }
  }
  const { asked, keyPair } = askedOf(context, state, wish)
  wantedTarget(world, state, names, asked) // before the key is copied: what is refused leaves nothing behind
  if (keyPair) await state.addKey(keyPair)
  return { files: await addWanted(world, state, names, asked), wanted: names }
}

async function addPlaceholders({ world, out }: Context, state: StateDir, files: readonly string[]): Promise<void> {
  const held = { targets: state.targets().targets, links: state.links() }
  const names = await placePlaceholders(world, state, unlinkedOf(files, held))
  if (names.length > 0)
    out.tell([`${shortList(names)}: a placeholder is live, signed by nobody, until a CA has issued one`])
}

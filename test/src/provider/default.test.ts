import { describe, expect, test } from 'vitest'
import type { World } from '../../../src/core/world.js'
import { defaultProvider, managedMarker } from '../../../src/provider/default.js'
import { MemoryFiles } from '../../fakes/memory-files.js'
import { fakeWorld } from '../../fakes/world.js'

const folder = '/etc/acme/hooks'
const ours = `#!/bin/sh\n${managedMarker}\n`

function chosen(env: World['env'], hooks: Readonly<Record<string, string>> = {}, mode = 0o755): string | undefined {
  const files = new MemoryFiles()
  files.putFolder(folder)
  for (const [name, text] of Object.entries(hooks)) files.put(`${folder}/${name}`, text, mode)
  return defaultProvider(fakeWorld({ env, files }), [folder])
}

describe('defaultProvider', () => {
  test.each<[string, string | undefined, string | undefined]>([
    ['nothing', chosen({}), undefined],
    ['DNS01_PROVIDER', chosen({ DNS01_PROVIDER: 'rfc2136' }, { mine: '#!/bin/sh\n' }), 'rfc2136'],
    ['a hook', chosen({ ACME_HOSTED_ZONE: 'Z1' }, { mine: '#!/bin/sh\n' }), 'hooks'],
    ['a file that is not executable', chosen({}, { mine: '#!/bin/sh\n' }, 0o644), undefined],
    ['ACME_HOSTED_ZONE', chosen({ ACME_HOSTED_ZONE: 'Z1' }), 'route53'],
    ['AWS_HOSTED_ZONE_ID', chosen({ AWS_HOSTED_ZONE_ID: 'Z1' }), 'route53'],
    [
      'only hooks that quickstart installs',
      chosen({ ACME_HOSTED_ZONE: 'Z1' }, { reload: ours, haproxy: ours }),
      'route53',
    ],
    ['one of them, and one of the user', chosen({}, { reload: ours, mine: '#!/bin/sh\n' }), 'hooks'],
    ['empty variables', chosen({ DNS01_PROVIDER: '', ACME_HOSTED_ZONE: '' }), undefined],
  ])('%s', (_, got, expected) => {
    expect(got).toBe(expected)
  })
})

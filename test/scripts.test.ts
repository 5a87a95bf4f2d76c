import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { newFolder } from './folder.js'
import { lacking } from './real/servers/need.js'
import { startLab } from './real/servers/state.js'
import { runScript } from './script.js'

const folder = join(import.meta.dirname, 'scripts')
const scripts = readdirSync(folder).filter(file => file.endsWith('.txt'))

describe.skipIf(lacking('pebble'))('scripts', () => {
  test.each(scripts)('%s', async file => {
    const lab = await startLab({ validitySeconds: 90 * 86_400 }) // each Pebble has another default
    try {
      await runScript(file, readFileSync(join(folder, file), 'utf8'), { folder: lab.state, env: lab.env })
    } finally {
      await lab.stop()
    }
  })
})

describe('the runner', () => {
  const stage = { folder: newFolder('script'), env: { WORD: 'hello' } }

  test('runs commands and checks what they did', async () => {
    const script = `
# a comment
> echo $WORD; echo oops >&2
stdout ^hello$
! stdout oops
stderr oops
> exit 3
exit 3
write a.txt <<EOF
one
  two
EOF
> cp a.txt b1.txt && chmod 600 b1.txt && ln -s ../x link && ln -s b1.txt good
same a.txt b*.txt
file b1.txt 0600
link link ../x
link good b*.txt
missing nothing*
> cat a.txt
stdout ^  two$
tty> printf 'waiting\\r\\033[Kdone\\n'; tty >/dev/null && stty size
stdout ^done\\n50 200$
! stdout waiting
tty> exit 4
exit 4`
    await expect(runScript('it', script, stage)).resolves.toBeUndefined()
  })

  test.each([
    ['> false', 'exit 1 instead of 0'],
    ['> true\nexit 2', 'exit 0 instead of 2'],
    ['> echo one\nstdout two', /it:2: stdout two\nno match[\s\S]*one/],
    ['> echo one\n! stdout o.e', 'a match'],
    ['> echo x >c; echo y >d\nsame c d', 'they differ'],
    ['> echo x >c; chmod 644 c\nfile c 600', 'mode 644'],
    ['> ln -s one l1\nlink l1 on', 'it leads to one'],
    ['> ln -s nowhere l2\nmissing l2', 'it is there'],
    ['> touch e1 e2\nfile e* 644', '2 matches'],
    ['file nothing 644', '0 matches'],
    ['frobnicate', 'no such line'],
    ['! same a b', 'no such line'],
    ['write x <<EOF\nno end', 'no EOF'],
  ])('refuses %j', async (script, message) => {
    await expect(runScript('it', script, stage)).rejects.toThrow(message)
  })
})

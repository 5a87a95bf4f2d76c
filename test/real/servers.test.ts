import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { request } from 'node:https'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startBind } from './servers/bind.js'
import { startProgram } from './servers/dns01.js'
import { lacking, need } from './servers/need.js'
import { withNetns } from './servers/netns.js'
import { startPebble } from './servers/pebble.js'
import { freePort, startServer } from './servers/process.js'

const key = { algorithm: 'hmac-sha256', secret: 'c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0' }

const get = (url: string, caFile: string): Promise<string> =>
  new Promise((resolve, reject) => {
    const question = request(url, { ca: readFileSync(caFile), headers: { 'user-agent': 'test' } }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', part => (text += part))
      answer.on('end', () => resolve(text))
    })
    question.on('error', reject).end()
  })

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

const ask = (server: string, ...question: string[]): string => {
  const [, address, port] = server.match(/^\[?(.*?)\]?:(\d+)$/) ?? []
  return execFileSync(need('dig'), ['+short', '+time=2', '+tries=1', `@${address}`, '-p', `${port}`, ...question], {
    encoding: 'utf8',
  }).trim()
}

const update = (server: string, commands: string): string => {
  const [address, port] = server.split(':')
  const input = `server ${address} ${port}\n${commands}\nsend\n`
  return execFileSync(need('nsupdate'), ['-y', `${key.algorithm}:tester:${key.secret}`], {
    input,
    encoding: 'utf8',
    stdio: 'pipe',
  })
}

describe('need', () => {
  test('names the Debian package of a program that is missing', () => {
    expect(need('sh')).toMatch(/\/sh$/)
    expect(() => need('no-such-program')).toThrow('apt-get install no-such-program')
  })
})

describe('startServer', () => {
  test('a program that ends before it is ready is an error with its output', async () => {
    const failing = startServer(['sh', '-c', 'echo no room; exit 3'], { ready: /never/ })
    await expect(failing).rejects.toThrow(/ended with 3:\nno room/)
  })

  test('a program that never gets ready is stopped', async () => {
    const slow = startServer(['sh', '-c', 'echo my pid $$; exec sleep 60'], { ready: /never/, timeoutSeconds: 0.3 })
    const message = await slow.then(String, String)
    expect(message).toMatch(/no \/never\/ within 0.3 s/)
    expect(lives(Number(message.match(/my pid (\d+)/)?.[1]))).toBe(false)
  })

  test('stop() ends a program that ignores SIGTERM', async () => {
    const server = await startServer(['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 0.1; done"], {
      ready: /ready/,
    })
    await server.stop()
    expect(lives(server.pid)).toBe(false)
  })
})

describe('startProgram', () => {
  test('gives status, output and signal', async () => {
    const program = startProgram(['sh', '-c', 'cat; echo oops >&2; exit 3'], { stdin: 'hello' })
    expect(await program.result).toMatchObject({ exit: 3, stdout: 'hello', stderr: 'oops\n' })
    const killed = startProgram(['sleep', '60'])
    killed.kill('SIGTERM')
    expect((await killed.result).exit).toBe(143)
  })

  test('hands no variable of ours on, and fails when it takes too long', async () => {
    const { stdout } = await startProgram(['env'], { env: { ONE: '1' } }).result
    expect(stdout.split('\n').filter(line => !/^(PATH|HOME|LANG|ONE|PWD|_|SHLVL)=/.test(line))).toEqual([''])
    await expect(startProgram(['sleep', '60'], { timeoutSeconds: 0.2 }).result).rejects.toThrow('still running')
  })
})

describe.skipIf(lacking('pebble'))('Pebble', () => {
  test('answers over HTTPS that our test CA vouches for, and leaves nothing behind', async () => {
    const pebble = await startPebble({ nonceReject: 17, validitySeconds: 3600, blockedDomains: ['blocked.example'] })
    expect(JSON.parse(await get(pebble.directoryUrl, pebble.caFile))).toHaveProperty('newOrder')
    expect(await get(`${pebble.managementUrl}/roots/0`, pebble.caFile)).toMatch(/BEGIN CERTIFICATE/)
    expect(pebble.requests()).toEqual(['GET /dir'])
    expect(pebble.log()).toMatch(/reject 17% of good nonces/)
    expect(pebble.log()).toMatch(/validity period of 3600 seconds/i)
    await pebble.stop()
    expect(lives(pebble.pid)).toBe(false)
    expect(existsSync(dirname(pebble.caFile))).toBe(false)
  })
})

describe.skipIf(lacking('named', 'dig', 'nsupdate'))('BIND', () => {
  test('primary and secondary show an update made with a key', async () => {
    const bind = await startBind({
      zones: { 'corp.example': { records: 'www A 192.0.2.1', allowUpdate: ['tester'] } },
      keys: { tester: key },
      secondaries: ['127.0.0.1'],
    })
    try {
      const [primary = '', secondary = ''] = bind.servers
      expect(ask(primary, 'www.corp.example', 'A')).toBe('192.0.2.1')
      expect(ask(secondary, 'corp.example', 'NS').split('\n').sort()).toEqual([
        'ns1.corp.example.',
        'ns2.corp.example.',
      ])
      update(primary, 'update add _acme-challenge.www.corp.example 60 TXT one')
      expect(ask(primary, '_acme-challenge.www.corp.example', 'TXT')).toBe('"one"')
      await until(() => ask(secondary, '_acme-challenge.www.corp.example', 'TXT') === '"one"')
      expect(bind.queries()).toContain('www.corp.example IN A')
      expect(bind.updates().join()).toMatch(/adding an RR at '_acme-challenge.www.corp.example' TXT/)
      expect(bind.log(1)).toMatch(/transferred serial 1\b/)
      await bind.stopSecondary(1)
      expect(() => ask(secondary, 'corp.example', 'NS')).toThrow()
    } finally {
      await bind.stop()
    }
  })

  test('a secondary that lags', async () => {
    const zones = { 'corp.example': { allowUpdate: ['tester'] } }
    const bind = await startBind({ zones, keys: { tester: key }, secondaries: ['127.0.0.1'], lagSeconds: 2 })
    try {
      const [primary = '', secondary = ''] = bind.servers
      update(primary, 'update add _acme-challenge.corp.example 60 TXT late')
      expect(ask(secondary, '_acme-challenge.corp.example', 'TXT')).toBe('')
      await until(() => ask(secondary, '_acme-challenge.corp.example', 'TXT') === '"late"')
    } finally {
      await bind.stop()
    }
  })
})

describe.skipIf(lacking('netns', 'named', 'dig', 'pebble'))('network namespace', () => {
  test('has port 53, its own resolver and addresses; nothing of it is left', async () => {
    let name = ''
    await withNetns({}, async netns => {
      name = netns.name
      const zones = { '.': { records: 'www.corp.example. A 192.0.2.7\n' } }
      const addresses = ['127.0.0.1', 'fd00:53::1']
      const bind = await startBind({ zones, addresses, secondaries: ['127.0.0.2'], netns: netns.name })
      const pebble = await startPebble({ netns: netns.name })
      const dig = (...question: string[]) => netns.exec([need('dig'), '+short', ...question])
      expect(await dig('www.corp.example')).toBe('192.0.2.7\n')
      expect(await dig('@fd00:53::1', 'www.corp.example')).toBe('192.0.2.7\n')
      expect((await dig('@127.0.0.2', '.', 'NS')).split('\n').sort()).toEqual(['', 'ns1.', 'ns2.'])
      await netns.addAddress('127.9.9.9')
      expect(await netns.exec(['ip', '-brief', 'addr'])).toMatch(/^lo.*127\.9\.9\.9/)
      await netns.removeAddress('127.9.9.9')
      await pebble.stop()
      await bind.stop()
    })
    expect(execFileSync(need('ip'), ['netns', 'list'], { encoding: 'utf8' })).not.toContain(name)
    expect(existsSync(`/etc/netns/${name}`)).toBe(false)
  })

  test('is deleted when the work in it fails, too', async () => {
    let name = ''
    const failing = withNetns({}, async netns => {
      name = netns.name
      throw new Error('as planned')
    })
    await expect(failing).rejects.toThrow('as planned')
    expect(execFileSync(need('ip'), ['netns', 'list'], { encoding: 'utf8' })).not.toContain(name)
  })
})

test('a free port is free', async () => {
  expect(await freePort()).toBeGreaterThanOrEqual(10_000)
})

async function until(condition: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !condition(); ) {
    if (Date.now() > end) throw new Error('not within 10 s')
    await sleep(50)
  }
}

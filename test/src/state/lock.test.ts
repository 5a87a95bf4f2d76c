import { describe, expect, test } from 'vitest'
import { withLock } from '../../../src/state/lock.js'
import { StateDir } from '../../../src/state/state-dir.js'
import { MemoryFiles, Stopped } from '../../fakes/memory-files.js'
import { type StateWorld, stateWorld } from '../../fakes/state-world.js'

const state = { root: '/s' }
const LOCK = '/s/.dns01/lock'
const BOOT = '/proc/sys/kernel/random/boot_id'
const stat = (pid: number, startTicks: number): string =>
  `${pid} (a (b) c) S ${Array.from({ length: 18 }, (_, i) => i).join(' ')} ${startTicks} 0 0\n`

/** A machine with these processes: pid → start time. */
function machine(processes: Record<number, number>, pid: number, files = new MemoryFiles()): StateWorld {
  files.put(BOOT, 'boot-1\n')
  const fake = stateWorld(files, pid)
  for (const [each, start] of Object.entries(processes)) {
    fake.processes.add(Number(each))
    files.put(`/proc/${each}/stat`, stat(Number(each), start))
  }
  return fake
}

const take = (fake: StateWorld, waitSeconds = 0): Promise<string> =>
  withLock(fake.world, state, { command: 'dns01 reconcile', waitSeconds }, async () => fake.files.text(LOCK))

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

/** What a run that was killed leaves. */
async function killed(fake: StateWorld): Promise<void> {
  await withLock(fake.world, state, { command: 'dns01 want x', waitSeconds: 0 }, async () => {
    fake.files.stopped = true
    throw new Stopped()
  }).catch(() => {})
  fake.files.restart()
}

describe('the lock', () => {
  test('says who holds it, and leaves nothing', async () => {
    const fake = machine({ 7: 100 }, 7)
    expect(JSON.parse(await take(fake))).toMatchObject({
      pid: 7,
      host: 'here',
      command: 'dns01 reconcile',
      since: '2026-01-01T00:00:00.000Z',
      startTicks: '100',
      boot: 'boot-1',
    })
    expect(fake.files.list('/s/.dns01')).toEqual([])
    expect(fake.files.info('/s/.dns01')?.mode).toBe(0o700)
    expect(fake.said).toEqual([])
  })

  test('is given back when the work fails', async () => {
    const fake = machine({ 7: 100 }, 7)
    await expect(
      withLock(fake.world, state, { command: 'x' }, async () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect(fake.files.info(LOCK)).toBeUndefined()
  })

  test('of a living run: waits, says for whom, then LOCKED', async () => {
    const holder = machine({ 7: 100, 8: 200 }, 7)
    const other = machine({ 7: 100, 8: 200 }, 8, holder.files)
    await withLock(holder.world, state, { command: 'dns01 want x' }, async () => {
      const startedAt = other.time.getTime()
      const error = await take(other, 10).catch(e => e)
      expect(error).toMatchObject({
        code: 'LOCKED',
        message:
          'the state directory is locked by dns01 want x (pid 7 on here, since 2026-01-01T00:00:00.000Z); waited 10 s',
      })
      expect((other.time.getTime() - startedAt) / 1000).toBeCloseTo(10, 0)
      expect(other.said).toEqual(['notice: waiting for dns01 want x (pid 7 on here, since 2026-01-01T00:00:00.000Z)'])
      await expect(take(holder), 'a second time in one process').rejects.toMatchObject({ code: 'LOCKED' })
    })
    expect(await take(other)).toContain('"pid":8')
  })

  test('stops waiting when it is told to', async () => {
    const holder = machine({ 7: 100, 8: 200 }, 7)
    const other = machine({ 7: 100, 8: 200 }, 8, holder.files)
    const stop = new AbortController()
    const clock = { ...other.world.clock, sleep: async (_: number, signal: AbortSignal) => signal.throwIfAborted() }
    await withLock(holder.world, state, { command: 'x' }, async () => {
      stop.abort(new Error('ctrl-c'))
      await expect(
        withLock({ ...other.world, clock }, state, { command: 'y', signal: stop.signal }, async () => {}),
      ).rejects.toThrow('ctrl-c')
    })
  })

  test('killed between making and writing its claim leaves nothing to the next run', async () => {
    const fake = machine({ 7: 100 }, 7)
    await take(fake)
    fake.files.restart()
    fake.files.stopAt = 1 // of writeNew() the second half
    await expect(take(fake)).rejects.toBeInstanceOf(Stopped)
    fake.files.restart()
    const left = fake.files.list('/s/.dns01').map(({ name }) => name)
    expect(left).toEqual([expect.stringMatching(/^lock\.[0-9a-f]{24}\.[0-9a-f]{8}$/)])
    expect(fake.files.text(`/s/.dns01/${left[0]}`)).toBe('')
    await take(fake)
    expect(fake.files.list('/s/.dns01')).toEqual([])
  })

  test.each(['the first try', 'a takeover'])('tries again when another run sweeps its claim away: %s', async what => {
    const files = new MemoryFiles()
    if (what === 'a takeover') await killed(machine({ 7: 100 }, 7, files))
    const fake = machine({ 8: 200 }, 8, files)
    const write = files.writeNew.bind(files)
    const swept: string[] = []
    files.writeNew = async (path, bytes, mode) => {
      await write(path, bytes, mode)
      if (path.startsWith(`${LOCK}.`) && swept.length === 0) swept.push(path)
      if (swept.at(-1) === path) await files.remove(path)
    }
    expect(await take(fake, 1)).toContain('"pid":8')
    expect(swept).toHaveLength(1)
    expect(files.list('/s/.dns01')).toEqual([])
  })

  test.each<[string, Record<number, number>]>([
    ['the process is gone', { 8: 200 }],
    ['its id is another process’s now', { 7: 999, 8: 200 }],
  ])('is taken over when %s, and said so', async (_, processes) => {
    const files = new MemoryFiles()
    await killed(machine({ 7: 100 }, 7, files))
    await files.remove('/proc/7/stat')
    const fake = machine(processes, 8, files)
    expect(await take(fake)).toContain('"pid":8')
    expect(fake.said).toEqual([
      expect.stringMatching(/^warn: took over the lock of dns01 want x \(pid 7 on here, .*without giving it back$/),
    ])
    expect(files.list('/s/.dns01')).toEqual([])
  })

  test('is taken over after the machine was started anew', async () => {
    const files = new MemoryFiles()
    await killed(machine({ 7: 100 }, 7, files))
    const fake = machine({ 7: 100, 8: 200 }, 8, files)
    files.put(BOOT, 'boot-2\n')
    expect(await take(fake)).toContain('"pid":8')
  })

  test('of another machine counts until it was silent for ten minutes', async () => {
    const files = new MemoryFiles()
    const far = machine({ 7: 100 }, 7, files)
    await killed({ ...far, world: { ...far.world, self: { ...far.world.self, host: 'there' } } })
    const fake = machine({ 8: 200 }, 8, files)
    fake.time = new Date(far.time.getTime() + 599_000)
    await expect(take(fake)).rejects.toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining('pid 7 on there'),
    })
    fake.time = new Date(far.time.getTime() + 601_000)
    expect(await take(fake)).toContain('"pid":8')
  })

  test.each<[string, Record<number, number>]>([
    ['its process id is nobody’s here', { 8: 200 }],
    ['its process id is another’s here', { 7: 999, 8: 200 }],
  ])('of another PID namespace with one host name counts until it was silent for ten minutes: %s', async (_, here) => {
    const files = new MemoryFiles()
    const far = machine({ 7: 100 }, 7, files)
    await killed({ ...far, world: { ...far.world, self: { ...far.world.self, pidNamespace: 'pid:[2]' } } })
    await files.remove('/proc/7/stat')
    const fake = machine(here, 8, files)
    fake.time = new Date(far.time.getTime() + 599_000)
    await expect(take(fake)).rejects.toMatchObject({ code: 'LOCKED' })
    fake.time = new Date(far.time.getTime() + 601_000)
    expect(await take(fake)).toContain('"pid":8')
  })

  test('with a time of next year is as good as old', async () => {
    const fake = machine({ 8: 200 }, 8)
    fake.files.put(LOCK, 'not ours')
    fake.time = new Date(fake.time.getTime() - 365 * 86_400_000)
    expect(await take(fake)).toContain('"pid":8')
  })

  test('leaves nothing on a full disk', async () => {
    const fake = machine({ 7: 100 }, 7)
    fake.files.putFolder('/s/.dns01')
    fake.files.options = { ...fake.files.options, fail: change => (change === 'write' ? 'ENOSPC' : undefined) }
    await expect(take(fake)).rejects.toMatchObject({ code: 'STATE' })
    expect(fake.files.list('/s/.dns01')).toEqual([])
  })

  test('shows every minute that its holder lives', async () => {
    const fake = machine({ 7: 100 }, 7)
    const beats: (() => void)[] = []
    const deadline = (): AbortSignal => {
      const controller = new AbortController()
      beats.push(() => controller.abort())
      return controller.signal
    }
    fake.files.options = { now: () => fake.time }
    await withLock(
      { ...fake.world, clock: { ...fake.world.clock, deadline } },
      state,
      { command: 'x', signal: new AbortController().signal },
      async () => {
        for (let minute = 1; minute <= 3; minute++) {
          fake.time = new Date(Date.parse('2026-01-01T00:00:00Z') + minute * 60_000)
          beats.at(-1)?.()
          while (beats.length === minute) await turn()
          expect(fake.files.info(LOCK)?.changedAt).toEqual(fake.time)
          expect(fake.files.list('/s/.dns01')).toHaveLength(1)
        }
        beats.at(-1)?.() // one is under way when the lock is given back
      },
    )
    expect(fake.files.list('/s/.dns01')).toEqual([])
    expect(beats).toHaveLength(4)
  })

  test('with no name in it is somebody’s for ten minutes', async () => {
    const fake = machine({ 8: 200 }, 8)
    fake.files.put(LOCK, 'not ours')
    await expect(take(fake)).rejects.toMatchObject({
      code: 'LOCKED',
      message: expect.stringContaining(LOCK),
      hint: expect.stringContaining('remove'),
    })
    fake.time = new Date(fake.time.getTime() + 601_000)
    expect(await take(fake)).toContain('"pid":8')
    expect(fake.said).toEqual(['warn: took over the lock of an unknown program, which ended without giving it back'])
  })

  test('that is dead goes to one only, whoever comes when', async () => {
    const pids = [11, 12, 13, 14, 15]
    const all = Object.fromEntries(pids.map(pid => [pid, pid]))
    for (let round = 0; round < 30; round++) {
      const files = new MemoryFiles()
      await killed(machine({ 7: 100 }, 7, files))
      await files.remove('/proc/7/stat')
      const fakes = pids.map(pid => machine(all, pid, files))
      let inside = 0
      const results = await Promise.allSettled(
        fakes.map(async (fake, i) => {
          for (let n = 0; n < (i * round) % 7; n++) await turn()
          return withLock(
            { ...fake.world, clock: { ...fake.world.clock, sleep: () => turn() } },
            state,
            { command: 'x' },
            async () => {
              expect(++inside).toBe(1)
              for (let n = 0; n < 5; n++) await turn()
              inside--
            },
          )
        }),
      )
      expect(results.filter(r => r.status === 'rejected')).toEqual([])
      expect(fakes.flatMap(fake => fake.said).filter(line => line.includes('took over'))).toHaveLength(1)
      expect(files.list('/s/.dns01')).toEqual([])
    }
  })

  test('heals whatever a run that was taking it over left', async () => {
    for (let k = 0; ; k++) {
      const files = new MemoryFiles()
      await killed(machine({ 7: 100 }, 7, files))
      await files.remove('/proc/7/stat')
      const second = machine({ 8: 200 }, 8, files)
      files.changes = 0
      files.stopAt = k
      const done = await take(second).then(
        () => true,
        () => false,
      )
      files.restart()
      await files.remove('/proc/8/stat')
      const third = machine({ 9: 300 }, 9, files)
      third.time = new Date(third.time.getTime() + 3600_000)
      expect(await take(third), `stopped at ${k}`).toContain('"pid":9')
      expect(files.list('/s/.dns01')).toEqual([])
      if (done) {
        expect(k).toBeGreaterThan(8)
        return
      }
    }
  })

  test.each(['EROFS', 'ENOSPC', 'EACCES'])('cannot be had on a disk that says %s: STATE', async code => {
    const fake = machine({ 7: 100 }, 7)
    fake.files.putFolder('/s/.dns01')
    fake.files.options = { ...fake.files.options, fail: () => code }
    await expect(take(fake)).rejects.toMatchObject({ code: 'STATE', message: expect.stringContaining(code) })
  })
})

describe('who lost the lock while standing still', () => {
  /** Somebody on another machine takes over after eleven minutes, and may have given it back since. */
  async function whileAsleep(
    act: (state: StateDir, fake: StateWorld) => Promise<void>,
    stillHeld = true,
  ): Promise<void> {
    const files = new MemoryFiles()
    const fake = machine({ 7: 100 }, 7, files)
    const far = machine({ 8: 200 }, 8, files)
    const world = { ...far.world, self: { ...far.world.self, host: 'there' } }
    const held = await StateDir.open(fake.world, '/s')
    await withLock(fake.world, held, { command: 'dns01 reconcile' }, async () => {
      far.time = new Date(fake.time.getTime() + 660_000)
      let giveBack = (): void => {}
      const other = withLock(
        world,
        state,
        { command: 'dns01 want y' },
        () => new Promise<void>(done => (giveBack = done)),
      )
      while (!far.said.some(line => line.includes('took over'))) await turn()
      for (let n = 0; n < 10; n++) await turn()
      if (!stillHeld) {
        giveBack()
        await other
      }
      fake.time = far.time
      await act(held, fake)
      giveBack()
      await other
    })
  }

  test.each([true, false])('writes nothing more, and is told by whom (still held: %s)', stillHeld =>
    whileAsleep(async (held, fake) => {
      const before = fake.files.tree('/s')
      const writing = held.writeTarget('x', 'x')
      await expect(writing).rejects.toMatchObject({
        code: 'LOCKED',
        message: expect.stringContaining(stillHeld ? 'taken over by dns01 want y (pid 8 on there' : 'taken over; it'),
      })
      await expect(held.journal.noteUntold(['x'])).rejects.toMatchObject({ code: 'LOCKED' })
      expect(held.fence.lost.signal.reason).toMatchObject({ code: 'LOCKED' })
      expect(fake.files.tree('/s')).toEqual(before)
    }, stillHeld),
  )

  test('does not take away the lock of who has it', () =>
    whileAsleep(async (_, fake) => {
      expect(fake.files.text(LOCK)).toContain('"pid":8')
    }))

  test('looks at the lock no more than every two seconds', async () => {
    const fake = machine({ 7: 100 }, 7)
    const held = await StateDir.open(fake.world, '/s')
    await withLock(fake.world, held, { command: 'x' }, async () => {
      const read = fake.files.readPlain.bind(fake.files)
      let looks = 0
      fake.files.readPlain = path => {
        if (path === LOCK) looks++
        return read(path)
      }
      for (let i = 0; i < 20; i++) await held.writeTarget('x', String(i))
      expect(looks).toBe(0)
      fake.time = new Date(fake.time.getTime() + 2001)
      for (let i = 0; i < 20; i++) await held.writeTarget('x', String(i))
      expect(looks).toBe(1)
    })
    await held.writeTarget('x', 'without a lock')
  })
})

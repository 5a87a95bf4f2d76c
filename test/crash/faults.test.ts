import { expect, test } from 'vitest'
import type { Fault, Step } from '../fakes/outside.js'
import { thorough } from '../thorough.js'
import { allIsWell, diskFrom, failures, heals, machineWith, stepsOf, toldAsDiskFault } from './whole-run.js'

/** Of the messages and questions of a run, each so manieth. */
const apart = thorough ? 1 : 17

test.each([
  { code: 'ENOSPC', apart: thorough ? 1 : 23 },
  { code: 'EROFS', apart: thorough ? 3 : 41 },
  { code: 'EIO', apart: thorough ? 5 : 41 },
] as const)(
  '$code from any change on: told as such, no record stays up, and the next run heals',
  async ({ code, apart }) => {
    const changes = (await stepsOf(3)).filter(step => step === 'disk').length
    let tried = 0
    for (let k = 0; k < changes; k += apart, tried++) {
      const machine = machineWith(3)
      const run = await machine.run(diskFrom(k, code))
      try {
        toldAsDiskFault(run, code)
        expect(machine.txt(), 'TXT records').toEqual([])
        machine.files.restart()
        await heals(machine, 3)
      } catch (error) {
        throw told(error, k, 'disk')
      }
    }
    process.stderr.write(`${code}: ${tried} points tried, ${tried} healed\n`)
  },
  120_000,
)

test('a request, an answer or a change of DNS that is lost once costs no certificate', async () => {
  const messages = (await stepsOf(3)).filter(isMessage).length
  for (let k = 0; k < messages; k += apart) {
    const machine = machineWith(3)
    const run = await machine.run(only(isMessage, k))
    try {
      expect(failures(run.outcomes)).toEqual([])
      expect(run.error).toBeUndefined()
      allIsWell(machine, 3)
    } catch (error) {
      throw told(error, k, 'message')
    }
  }
  expect(messages).toBeGreaterThan(50)
  process.stderr.write(`lost once: each ${apart}. of ${messages} messages, all certificates issued in the same run\n`)
}, 120_000)

test('a question that no server answers fails at most its own target, and the next run heals', async () => {
  const questions = (await stepsOf(3)).filter(isQuestion).length
  for (let k = 0; k < questions; k += apart) {
    const machine = machineWith(3)
    await machine.run(only(isQuestion, k))
    expect(machine.txt()).toEqual([])
    await heals(machine, 3).catch(error => {
      throw told(error, k, 'question')
    })
  }
  expect(questions).toBeGreaterThan(10)
}, 120_000)

test('when many messages are lost, on either way, all certificates come all the same, signed once each', async () => {
  const machine = machineWith(6)
  let [messages, lost] = [0, 0]
  const run = await machine.run(step => {
    if (!isMessage(step)) return undefined
    messages++
    if (messages % 8 !== 0) return undefined // more, and some request would be unlucky for all of its 300 s
    lost++
    return 'lose'
  })
  expect(failures(run.outcomes)).toEqual([])
  expect(lost).toBeGreaterThan(20)
  allIsWell(machine, 6)
})

const isQuestion = (step: Step): boolean => step === 'question'
const isMessage = (step: Step): boolean => step !== 'disk' && !isQuestion(step)

/** Loses the k-th of these steps. */
function only(these: (step: Step) => boolean, k: number): (step: Step) => Fault {
  let seen = 0
  return step => (these(step) && seen++ === k ? 'lose' : undefined)
}

function told(error: unknown, k: number, step: string): unknown {
  if (error instanceof Error) error.message = `fault at ${step} ${k}: ${error.message}`
  return error
}

test('a disk that is full for one change while an order is taken up: the target fails, and nothing is signed twice', async () => {
  const stopped = async (): Promise<ReturnType<typeof machineWith>> => {
    const machine = machineWith(1)
    await machine.run(step => (step === 'disk' && machine.ca.issued.length > 0 ? 'stop' : undefined))
    expect(machine.ca.issued).toHaveLength(1)
    return machine
  }
  const { steps } = await (await stopped()).run()
  const changes = steps.filter(step => step === 'disk').length
  expect(changes).toBeGreaterThan(5)
  for (let k = 0; k < changes; k++) {
    const machine = await stopped()
    let change = 0
    const run = await machine.run(step => (step === 'disk' && change++ === k ? 'ENOSPC' : undefined))
    toldAsDiskFault(run, 'ENOSPC')
    await machine.run()
    allIsWell(machine, 1)
  }
})

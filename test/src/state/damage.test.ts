import { expect, test } from 'vitest'
import { allIsWell, failures, machineWith } from '../../crash/whole-run.js'
import { ROOT } from '../../fakes/outside.js'

/** A whole run over a live certificate that a server could not load any more. */

const live = `${ROOT}/live/h0.one.test`

test.each(['fullchain', 'chain', 'cert'])('an emptied %s is downloaded again, without another order', async file => {
  const machine = machineWith(1)
  await machine.run()
  const before = ['cert', 'chain', 'fullchain', 'privkey'].map(each => machine.files.text(`${live}/${each}`))
  const [orders, folder] = [machine.ca.orders.length, machine.files.readLink(live)]
  machine.files.put(`${live}/${file}`, '')
  const run = await machine.run()
  expect(failures(run.outcomes)).toEqual([])
  expect(run.outcomes).toMatchObject([{ result: 'resumed' }])
  expect(['cert', 'chain', 'fullchain', 'privkey'].map(each => machine.files.text(`${live}/${each}`))).toEqual(before)
  expect([machine.ca.orders.length, machine.files.readLink(live)]).toEqual([orders, folder])
  allIsWell(machine, 1)
})

test('with an emptied key another certificate is issued, and is live', async () => {
  const machine = machineWith(1)
  await machine.run()
  const folder = machine.files.readLink(live)
  const [keyId] = machine.files.list(`${ROOT}/keys`)
  machine.files.put(`${ROOT}/keys/${keyId?.name}/privkey`, '', 0o600)
  const run = await machine.run()
  expect(failures(run.outcomes)).toEqual([])
  expect(machine.files.readLink(live)).not.toBe(folder)
  expect(machine.files.text(`${live}/privkey`)).toContain('PRIVATE KEY')
  expect(run.said.filter(line => line.includes('private key is empty'))).toHaveLength(1)
  const after = await machine.run()
  expect(after.outcomes).toEqual([])
  expect(after.said).toEqual([]) // nobody reads the damaged one any more: cron hears nothing of it
})

test('of another key in the place of the link, its own is put back, and nothing is issued', async () => {
  const machine = machineWith(1)
  await machine.run()
  const key = machine.files.text(`${live}/privkey`)
  await machine.files.remove(`${live}/privkey`)
  machine.files.put(`${live}/privkey`, 'another', 0o600)
  expect(failures((await machine.run()).outcomes)).toEqual([])
  expect(machine.files.text(`${live}/privkey`)).toBe(key)
  allIsWell(machine, 1)
})

test('with a folder in place of the link to its key another one is issued; the other target gets its link back', async () => {
  const machine = machineWith(2)
  await machine.run()
  const folder = machine.files.readLink(live)
  const others = machine.files.tree(`${ROOT}/live`).filter(line => line.includes('h1.'))
  machine.files.putFolder(`${ROOT}/${folder.slice('../'.length)}/privkey`)
  for (const { name } of machine.files.list(`${ROOT}/live`))
    if (name.startsWith('h1.')) await machine.files.remove(`${ROOT}/live/${name}`)
  const run = await machine.run()
  expect(failures(run.outcomes)).toEqual([])
  expect(run.said.join()).toContain('its privkey is a folder')
  expect(machine.files.readLink(live)).not.toBe(folder)
  expect(others).not.toEqual([])
  expect(machine.files.tree(`${ROOT}/live`).filter(line => line.includes('h1.'))).toEqual(others)
})

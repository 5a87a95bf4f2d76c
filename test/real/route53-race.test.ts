import { expect, test } from 'vitest'
import { FakeRoute53 } from '../fakes/route53.js'
import { serveApi, signatureCheck } from '../fakes/route53-server.js'
import { accessKeyId, secretAccessKey } from '../fakes/route53-world.js'
import { compiled } from './servers/compiled.js'
import { startProgram } from './servers/dns01.js'

test('three processes present and clean up 20 times at one name, beside somebody else: nobody loses a value', async () => {
  const program = await compiled('real/servers/route53-racer.ts')
  const checkSignature = signatureCheck({ [accessKeyId]: secretAccessKey })
  const double = new FakeRoute53({ now: () => Date.now(), syncSeconds: 0.1, checkSignature })
  const zone = double.addZone('example.test', { id: 'Z1' })
  double.put(zone, '_acme-challenge.example.test', 'TXT', ['"theirs"'])
  const server = await serveApi(double)
  try {
    const args = [program, server.url, accessKeyId, secretAccessKey]
    const racers = ['a', 'b', 'c'].map(value => startProgram([process.execPath, ...args, value, '20']))
    for (const { result } of racers) {
      const { exit, stdout, stderr } = await result
      expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
      expect(stdout.match(/up/g)).toHaveLength(20)
    }
    expect(double.txt('_acme-challenge.example.test')).toEqual(['theirs'])
    expect(double.refusals).toBeGreaterThan(20) // else it was no race
  } finally {
    await server.close()
  }
})

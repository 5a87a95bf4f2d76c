// npm run pictures: makes docs/pictures/*.png from a real run (Pebble, dns01's own name server) in a real terminal and Chromium.
import { howToInstall, importTypeScript, installNpmPackages, installServers, root } from './setup.mjs'

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(130)) // ends the servers, too

installNpmPackages()
const missing = installServers(['pebble', 'chromium'])
if (missing.length > 0) {
  console.error(`missing: ${missing.join(', ')}\n${howToInstall(missing)}`)
  process.exit(1)
}
const { takePictures } = await importTypeScript('test/pictures/main.ts')
await takePictures(`${root}/docs/pictures`, text => console.log(text))
process.exit() // a step that failed has thrown

// What is bundled, told to people and to programs: LICENSES.txt and sbom.cdx.json (CycloneDX 1.5), both from esbuild's list of inputs, so
// that neither can lack a package. The packages are in `devDependencies`, since nobody who installs dns01 shall get them a
// second time: as `dependencies` npm would install 120 packages beside the bundle, and warn on Node 20 of dns2, which says that
// it wants 22; `bundleDependencies` would pack node_modules. `npm audit` in a clone looks at them all; scanners read the SBOM of the installed package.
// Not `npm sbom`: it knows what is installed, not what is bundled, gives each build another id and time, and older npms lack
// it (test/dist.test.ts compares with it).
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The packages of these inputs, paths from the root as in esbuild's metafile; with where they lie, by name. */
export function packagesOf(inputs) {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')).packages
  const folders = [...new Set(inputs.map(packageFolder))].filter(folder => folder !== undefined).sort()
  return folders.map(folder => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    return { folder, name, version, license, integrity: lock[folder]?.integrity }
  })
}

function packageFolder(input) {
  const parts = posix.normalize(input).split('/')
  const at = parts.lastIndexOf('node_modules')
  if (at < 0) return undefined
  return parts.slice(0, at + (parts[at + 1].startsWith('@') ? 3 : 2)).join('/')
}

/** The notices that the licences of these packages want to be kept. */
export function licensesText(packages) {
  const names = new Map()
  for (const { folder, name, version, license } of packages) {
    const text = notice(folder)
    names.set(text, [...(names.get(text) ?? []), `${name} ${version} (${license})`])
  }
  return [...names].map(([text, all]) => `${all.join('\n')}\n\n${text}`).join(`\n${'-'.repeat(80)}\n\n`)
}

function notice(folder) {
  const files = readdirSync(folder).filter(file => /^(licen[cs]e|notice|copying)/i.test(file))
  return files.map(file => readFileSync(join(folder, file), 'utf8').replaceAll('\r', '')).join('\n')
}

/** CycloneDX 1.5 without what CycloneDX leaves free (serial number, time), so that equal sources give equal files. */
export function sbomText(packages, { name, version, license }) {
  const ours = { type: 'application', 'bom-ref': `${name}@${version}`, ...identity(name, version, license) }
  const components = packages.map(each => ({
    type: 'library',
    'bom-ref': each.folder,
    ...identity(each.name, each.version, each.license),
    ...(each.integrity && { hashes: [hash(each.integrity)] }),
  }))
  const bom = { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata: { component: ours }, components }
  return `${JSON.stringify(bom, undefined, 1)}\n`
}

const identity = (name, version, license) => ({
  name,
  version,
  purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
  licenses: [/[ ()]/.test(license) ? { expression: license } : { license: { id: license } }],
})

/** npm's `sha512-BASE64` of the package's archive. */
const hash = integrity => ({ alg: 'SHA-512', content: Buffer.from(integrity.slice(7), 'base64').toString('hex') })

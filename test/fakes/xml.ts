/** An element; text is only kept where there are no children. */
export interface XmlNode {
  readonly name: string
  readonly children: XmlNode[]
  text: string
}

export type XmlTree = { readonly [name: string]: string | number | XmlTree | readonly XmlTree[] }

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const decode = (text: string): string =>
  text.replace(/&(#x?)?(\w+);/g, (_, number, name) =>
    number ? String.fromCodePoint(Number.parseInt(name, number === '#x' ? 16 : 10)) : (entities[name] ?? ''),
  )

/** Parses what an SDK sends: elements and text, no comments, no CDATA. Returns the root. */
export function parseXml(text: string): XmlNode {
  const top: XmlNode = { name: '', children: [], text: '' }
  const open = [top]
  for (const [, closing, name, empty, words] of text.matchAll(/<(?:\?[^>]*|(\/?)([\w:]+)[^>]*?(\/?))>|([^<]+)/g)) {
    const inside = open.at(-1) as XmlNode
    if (words !== undefined) inside.text += decode(words)
    else if (closing) open.pop()
    else if (name) {
      const node: XmlNode = { name, children: [], text: '' }
      inside.children.push(node)
      if (!empty) open.push(node)
    }
  }
  return top.children[0] ?? top
}

export const textOf = (node: XmlNode | undefined): string => node?.text ?? ''

const encode = (text: string): string =>
  text.replace(/[&<>"]/g, character => `&${{ '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot' }[character]};`)

export const toXml = (tree: XmlTree): string =>
  Object.entries(tree)
    .map(([name, value]) => {
      if (Array.isArray(value)) return `<${name}>${value.map(toXml).join('')}</${name}>`
      return `<${name}>${typeof value === 'object' ? toXml(value as XmlTree) : encode(String(value))}</${name}>`
    })
    .join('')

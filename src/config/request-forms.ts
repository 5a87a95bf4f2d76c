// Keys of a target that may be written in more than one form: what each may look like, and what is made of it.
import { isMap, isScalar, isSeq, type Node } from 'yaml'
import type { WantedProfile } from '../core/target.js'
import { isDirectoryUrl } from '../core/urls.js'
import { textOf } from './yaml-text.js'

/** How a value is read; `what` it must be, for the message when it is something else. */
export interface Form<T> {
  readonly what: string
  /** undefined: it is something else. `resolve` gives what an alias stands for. */
  read(node: Node, resolve: (node: unknown) => unknown): T | undefined
}

/**
 * Names of profiles (draft-ietf-acme-profiles §3) and of issuers are the CA's, so that any text may be one; with control
 * characters it is a slip of the keyboard, which a log would repeat.
 */
const isName = (text: string | undefined): text is string => text !== undefined && /^\P{Cc}+$/u.test(text)

/** Where conf/target has one, and this target wants none: another CA may not have it. */
export const NONE = 'none'

/** `tlsserver`, `{preferred: tlsserver}` or `{required: shortlived}`; '' is none. */
export const profileForm: Form<WantedProfile | typeof NONE> = {
  what: 'the name of a profile, {preferred: NAME}, {required: NAME}, or "" for none',
  read(node, resolve) {
    if (!isMap(node)) return textOf(node) === '' ? NONE : wantedProfile(textOf(node), false)
    const [pair, ...others] = node.items
    const key = textOf(pair?.key)
    if (!pair || others.length > 0 || (key !== 'preferred' && key !== 'required')) return undefined
    return wantedProfile(textOf(resolve(pair.value)), key === 'required')
  },
}

const wantedProfile = (name: string | undefined, required: boolean): WantedProfile | undefined =>
  isName(name) ? { name, required } : undefined

/** Common name, or whole name, of the issuer of the last certificate; '' is none. */
export const chainForm: Form<string> = {
  what: 'the name of the issuer of the last certificate of a chain, or "" for none',
  read(node) {
    const text = textOf(node)?.trim()
    return text === '' || isName(text) ? text : undefined
  },
}

/** CAs to be asked when the first one fails. */
export const fallbackForm: Form<string[]> = {
  what: 'a list of https URLs of ACME directories',
  read(node, resolve) {
    const urls = isSeq(node) ? node.items.map(item => textOf(resolve(item))) : undefined
    return urls?.every((url): url is string => url !== undefined && isDirectoryUrl(url)) ? urls : undefined
  },
}

/** For how long the first one must have failed. */
export const hoursForm: Form<number> = {
  what: 'a number of hours of at least 0',
  read(node) {
    const value = isScalar(node) ? node.value : undefined
    return typeof value === 'number' && value >= 0 ? value : undefined
  },
}

export const reuseForm: Form<boolean | number> = {
  what: 'true, false or a number of days of at least 1',
  read(node) {
    const value = isScalar(node) ? node.value : undefined
    return typeof value === 'boolean' || (typeof value === 'number' && value >= 1) ? value : undefined
  },
}

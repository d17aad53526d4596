import type { StoredObject } from '../repository.ts'

/** One page of a listing. */
export interface ListPage {
  readonly objects: readonly StoredObject[]
  /** What the keys of several objects begin with, up to the next `/`. */
  readonly prefixes: readonly string[]
  /** Names the next page; undefined: this is the last. */
  readonly next: string | undefined
}

/** A part of a file that a store has taken. */
export interface UploadedPart {
  readonly number: number
  readonly etag: string
}

/** Reads an answer of ListObjectsV2. @throws when it is none */
export function readListPage(xml: string): ListPage {
  if (!xml.includes('<ListBucketResult')) throw new Error('the answer is no list of objects')
  const isEncoded = textIn(xml, 'EncodingType') === 'url'
  const plain = (text: string): string => (isEncoded ? decodeURIComponent(text.replaceAll('+', ' ')) : text)
  return {
    objects: elementsOf(xml, 'Contents').map((element) => ({
      key: plain(textIn(element, 'Key') ?? ''),
      sizeBytes: Number(textIn(element, 'Size')),
    })),
    prefixes: elementsOf(xml, 'CommonPrefixes').map((element) => plain(textIn(element, 'Prefix') ?? '')),
    next: textIn(xml, 'IsTruncated') === 'true' ? textIn(xml, 'NextContinuationToken') : undefined,
  }
}

/** The text of the first element of this name, wherever it is. */
export function textIn(xml: string, name: string): string | undefined {
  const element = elementsOf(xml, name)[0]
  return element === undefined ? undefined : unescape(element)
}

/** Asks a store to make an object of parts. */
export function completeDocument(parts: readonly UploadedPart[]): string {
  const all = parts.map(
    ({ number, etag }) => `<Part><PartNumber>${number}</PartNumber><ETag>${escape(etag)}</ETag></Part>`,
  )
  return `<CompleteMultipartUpload>${all.join('')}</CompleteMultipartUpload>`
}

/** What is between the tags; no element that we read has another of its own name in it. */
function elementsOf(xml: string, name: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>(.*?)</${name}>`, 'gs'))].map(([, content]) => content!)
}

const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescape(text: string): string {
  return text.replace(/&(?:(\w+)|#(\d+)|#x([\da-fA-F]+));/g, (whole, name?: string, decimal?: string, hex?: string) => {
    if (name !== undefined) return NAMED[name] ?? whole
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal))
  })
}

function escape(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
}

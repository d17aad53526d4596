import { posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LAYERS } from './layers.ts'
import { sourceFiles, withoutComments } from './source-files.ts'

interface Import {
  readonly from: string
  readonly to: string
}

const files = sourceFiles('src').filter(({ path }) => path.split('/').length > 2)

function importsOf(path: string, text: string): readonly Import[] {
  return [...withoutComments(text).matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => ({
    from: path,
    to: posix.join(posix.dirname(path), match[1] as string),
  }))
}

function isAllowed({ from, to }: Import): boolean {
  const source = from.split('/')[1] as string
  const target = to.replace(/^src\//, '')
  const allowed = LAYERS[source]
  if (allowed === 'everything' || target.startsWith(`${source}/`)) return true
  return allowed?.some((layer) => target.startsWith(`${layer}/`) || target === `${layer}.ts`) ?? false
}

describe('layers', () => {
  test('every folder of src has a row in the table', () => {
    const folders = new Set(files.map(({ path }) => path.split('/')[1] as string))
    expect([...folders].filter((folder) => !Object.hasOwn(LAYERS, folder))).toEqual([])
  })

  test('nobody imports upward: add a port here and wire it in runtime', () => {
    const upward = files.flatMap(({ path, text }) => importsOf(path, text)).filter((found) => !isAllowed(found))
    expect(upward.map(({ from, to }) => `${from} imports ${to}`)).toEqual([])
  })

  test('the check sees an upward import', () => {
    expect(importsOf('src/core/x.ts', `import { a } from '../fleet/release.ts'`).every(isAllowed)).toBe(false)
  })
})

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT, withoutComments } from '../tidy/source-files.ts'

const TYPES = [
  'define-system',
  'database',
  'service',
  'resources',
  'objective',
  'load-description',
  'engine',
  'scale',
  'scenario',
]
const reference = readFileSync(join(ROOT, 'docs/reference/blueprint.md'), 'utf8')
const words = new Set(reference.match(/[\w.]+/g))

test.each(TYPES)('the reference names every option in %s.ts', (file) => {
  const source = withoutComments(readFileSync(join(ROOT, `src/blueprint/${file}.ts`), 'utf8'))
  const options = [...source.matchAll(/^\s*(?:[|&] )?(?:\{ )?'?([a-z][\w.]*)'?\??: /gm)].map(
    ([, name]) => name as string,
  )
  // What only stands in a part that is marked as later is described there as a whole.
  const later = new Set(['for', 'above', 'below', 'page', 'ticket', 'system'])
  expect(options.filter((name) => !words.has(name) && !later.has(name))).toEqual([])
  expect(options).not.toEqual([])
})

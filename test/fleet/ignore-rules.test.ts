import { describe, expect, test } from 'vitest'
import { ignoreRules } from '../../src/fleet/ignore-rules.ts'

describe('ignore rules', () => {
  test('leave out what is no source, at any depth', () => {
    const rules = ignoreRules()
    for (const path of ['node_modules', 'packages/a/node_modules', '.git', '.tenfold', 'x/coverage', 'a-1.0.tgz']) {
      expect(rules.ignores(path), path).toBe(true)
    }
    for (const path of ['src/index.ts', 'node_modules.ts', 'dist', 'tgz', '.gitignore']) {
      expect(rules.ignores(path), path).toBe(false)
    }
  })

  test('leave out files that hold secrets', () => {
    const rules = ignoreRules()
    expect(['.env', 'services/.env.local', '.npmrc'].every((path) => rules.ignores(path))).toBe(true)
    expect(rules.ignores('src/environment.ts')).toBe(false)
  })

  test('take patterns from .tenfoldignore: by name, from the root, with stars', () => {
    const rules = ignoreRules('# data\n\n*.parquet\n/models\nassets/raw/\n')
    expect(rules.ignores('deep/down/x.parquet')).toBe(true)
    expect(rules.ignores('models')).toBe(true)
    expect(rules.ignores('src/models')).toBe(false)
    expect(rules.ignores('assets/raw')).toBe(true)
    expect(rules.ignores('other/assets/raw')).toBe(false)
    expect(rules.ignores('x.parquets')).toBe(false)
  })

  test('take everything but the star literally', () => {
    expect(ignoreRules('a+b(c).[d]').ignores('a+b(c).[d]')).toBe(true)
    expect(ignoreRules('a.c').ignores('abc')).toBe(false)
  })
})

import { describe, expect, test } from 'vitest'
import type { AppliedMigration, MigrationFile } from '../../src/clusters/migration-plan.ts'
import { planMigrations } from '../../src/clusters/migration-plan.ts'

function file(name: string, checksum = 'same'): MigrationFile {
  const [directory = '', base = ''] = name.split('/')
  return { directory, file: base, path: `/app/${name}`, checksum }
}

function applied(...names: readonly string[]): AppliedMigration[] {
  return names.map((name) => file(name))
}

describe('migration plan', () => {
  test('is what was not applied yet, in the order of the files', () => {
    const files = [file('base/001.sql'), file('base/002.sql'), file('orders/001.sql')]
    expect(planMigrations(files, applied('base/001.sql')).map(({ path }) => path)).toEqual([
      '/app/base/002.sql',
      '/app/orders/001.sql',
    ])
    expect(planMigrations(files, applied('base/001.sql', 'base/002.sql', 'orders/001.sql'))).toEqual([])
  })

  test('takes files of the same name in different directories for different files', () => {
    expect(planMigrations([file('base/001.sql'), file('orders/001.sql')], applied('orders/001.sql'))).toHaveLength(1)
  })

  test('refuses a file that was changed after it was applied', () => {
    expect(() => planMigrations([file('base/001.sql', 'other')], applied('base/001.sql'))).toThrow(
      expect.objectContaining({ code: 'TF_MIGRATION_CHANGED', message: expect.stringContaining('/app/base/001.sql') }),
    )
  })

  test('refuses to go on when an applied file is gone', () => {
    expect(() => planMigrations([file('base/002.sql')], applied('base/001.sql', 'base/002.sql'))).toThrow(
      expect.objectContaining({ code: 'TF_MIGRATION_MISSING', message: expect.stringContaining('base/001.sql') }),
    )
  })

  test('refuses a new file that sorts before an applied one of its directory', () => {
    expect(() => planMigrations([file('base/001.sql'), file('base/002.sql')], applied('base/002.sql'))).toThrow(
      expect.objectContaining({ code: 'TF_MIGRATION_ORDER', hint: 'rename 001.sql so that it sorts after 002.sql' }),
    )
  })
})

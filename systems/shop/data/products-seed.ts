import type { SeedContext } from 'tenfold'

export async function seed({ copy }: SeedContext): Promise<void> {
  await copy(
    'product',
    ['id', 'name', 'cents'],
    [
      [1, 'bread', 320],
      [2, 'milk', 129],
      [3, 'cheese', 890],
    ],
  )
}

import { describe, expect, test } from 'vitest'
import { placeholdersIn } from '../../src/blueprint/placeholder.ts'

describe('placeholdersIn', () => {
  test.each([
    ['/menu', []],
    [
      '/{{user.id}}/{{ token }}',
      [
        { kind: 'feed', feed: 'user', column: 'id' },
        { kind: 'extract', name: 'token' },
      ],
    ],
    ['{{user.first name}}', [{ kind: 'feed', feed: 'user', column: 'first name' }]],
    ['{{user.a.b}}', [{ kind: 'feed', feed: 'user', column: 'a.b' }]],
    ['{ a { b } }', []],
    ['{{}}', [{ kind: 'malformed', text: '{{}}' }]],
    ['{{user.}}', [{ kind: 'malformed', text: '{{user.}}' }]],
    ['{{a b}}', [{ kind: 'malformed', text: '{{a b}}' }]],
    ['/{{token', [{ kind: 'malformed', text: '{{token' }]],
  ])('%s', (text, expected) => {
    expect(placeholdersIn(text)).toEqual(expected)
  })
})

import { expect, test } from 'vitest'
import { procfileExample } from '../../src/init/procfile-example.ts'
import { findProcfileStart } from '../../src/init/other-start.ts'
import { project } from './project-for-tests.ts'

test.each([
  ['go.mod', 'web: ./NAME'],
  ['wsgi.py', '$HOST:$PORT'],
  ['index.php', 'web: php -S $HOST:$PORT'],
  ['README.md', 'web: ./my-server --port $PORT'],
  ['below/go.mod', 'web: ./my-server --port $PORT'],
])('suggests what starts a project with %s, in words that init understands', (file, line) => {
  const example = procfileExample(project({ [file]: '' }))
  expect(example).toContain(line)
  expect(findProcfileStart(project({ Procfile: `${example}\n` }))?.program.value).toEqual({
    kind: 'command',
    command: example.replace('web: ', ''),
  })
})

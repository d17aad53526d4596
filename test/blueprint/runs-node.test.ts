import { expect, test } from 'vitest'
import { runsNode } from '../../src/blueprint/runs-node.ts'

test.each([
  'node server.js',
  'npm start',
  '/opt/node/bin/node server.js',
  'NODE_ENV=production LEVEL="a" exec node_modules/.bin/next start',
  '"./node_modules/.bin/fastify" start app.js',
  'npm run build && npm start',
  'echo starting; node .',
])('%s runs Node', (command) => expect(runsNode(command)).toBe(true))

test.each([
  'python3 app.py',
  'PORT=1 python3 -m http.server',
  './server',
  'node build.js && ./server',
  'bun .',
  '',
  ' ; ',
])('%s does not, as far as one can see', (command) => expect(runsNode(command)).toBe(false))

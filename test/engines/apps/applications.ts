import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** An application or starter that others have published, and how a person comes by it. */
export interface PublicApplication {
  readonly name: string
  /** Command lines that make the project `app`; each is run beside it, or in it when it is there. */
  readonly made: readonly string[]
  /** Files to add, from what was installed: examples of a readme, word for word. */
  readonly files?: (app: string) => Readonly<Record<string, string>>
  /** What a visitor gets. */
  readonly page: { readonly path: string; readonly contains: string }
  /** What `tenfold init` has to find out about the port. */
  readonly port: string | number
  readonly needsPython?: true
}

/** The registry is taken as it was then, so that what these bring along has one version too. */
export const REGISTRY_AS_OF = '2026-11-20'

const EMPTY = ['mkdir app', 'npm init -y']

export const APPLICATIONS: readonly PublicApplication[] = [
  {
    name: 'Express, as express-generator writes it',
    made: ['npm exec --yes --package=express-generator@4.16.1 -- express --no-view app', 'npm install'],
    page: { path: '/', contains: 'Welcome to Express' },
    port: 'environment',
  },
  {
    name: 'Express, the example of its readme',
    made: [...EMPTY, 'npm install express@5.3.0'],
    files: (app) => ({ 'server.mjs': example(app, 'express/Readme.md', 'app.listen(3000') }),
    page: { path: '/', contains: 'Hello World' },
    port: 3_000,
  },
  {
    name: 'Fastify, as fastify-cli writes it',
    made: ['npm exec --yes --package=fastify-cli@8.0.2 -- fastify generate app', 'npm install'],
    page: { path: '/', contains: '"root":true' },
    port: 'environment',
  },
  {
    name: 'Koa, the example of its readme',
    made: [...EMPTY, 'npm install koa@3.3.0'],
    files: (app) => ({ 'app.js': example(app, 'koa/Readme.md', 'app.listen(3000)') }),
    page: { path: '/', contains: 'Hello Koa' },
    port: 3_000,
  },
  {
    name: 'Hono, the example of the readme of its Node server',
    made: [...EMPTY, 'npm install hono@4.13.19 @hono/node-server@2.1.7'],
    files: (app) => ({ 'index.mts': example(app, '@hono/node-server/README.md', 'Hono meets Node.js') }),
    page: { path: '/', contains: 'Hono meets Node.js' },
    port: 3_000,
  },
  {
    name: 'NestJS, as its command line writes it',
    made: [
      'npm exec --yes --package=@nestjs/cli@12.0.8 -- nest new app --skip-git --skip-install --package-manager npm',
      'npm install',
    ],
    page: { path: '/', contains: 'Hello World!' },
    port: 'environment',
  },
  {
    name: 'Vite with server-side rendering, as create-vite-extra writes it',
    made: [
      'npm exec --yes --package=create-vite-extra@5.0.3 -- create-vite-extra app --template ssr-vanilla',
      'npm install',
    ],
    page: { path: '/', contains: '<section id="center">' },
    port: 'environment',
  },
  {
    name: 'http-server, a file server on node:http',
    made: [...EMPTY, 'npm install http-server@14.1.1', 'npm pkg set scripts.start=http-server\\ .\\ -p\\ 8080'],
    page: { path: '/package.json', contains: 'http-server' },
    port: 'command line',
  },
  {
    name: 'json-server, a REST server over a file',
    made: [...EMPTY, 'npm install json-server@0.17.4', 'npm pkg set scripts.start=json-server\\ db.json'],
    files: () => ({ 'db.json': '{ "posts": [{ "id": 1, "title": "a post" }] }\n' }),
    page: { path: '/posts/1', contains: 'a post' },
    port: 'command line',
  },
  {
    name: "http.server of Python's standard library",
    made: ['mkdir app'],
    files: () => ({
      Procfile: 'web: python3 -m http.server $PORT --bind $HOST\n',
      'index.html': '<p>from Python</p>\n',
    }),
    page: { path: '/', contains: 'from Python' },
    port: 'environment',
    needsPython: true,
  },
]

/** The code block of an installed readme that has a text in it. */
function example(app: string, readme: string, containing: string): string {
  const text = readFileSync(join(app, 'node_modules', readme), 'utf8')
  const blocks = [...text.matchAll(/^```\w*\n([^]*?)^```/gm)].map(([, code]) => code as string)
  const found = blocks.find((code) => code.includes(containing))
  if (found === undefined) throw new Error(`expected an example with ${containing} in ${readme}, got none`)
  return found
}

/** What keeps a server running and replaces it, as the benchmark drives it. */
export interface Subject {
  readonly name: string
  /** Where requests go. */
  readonly url: string
  /** Puts a new version in the place of what runs; resolves when only that gets requests. */
  release(): Promise<void>
  /** Resolves when so many serve. */
  scale(count: number): Promise<void>
  /** Ends one instance with kill -9; resolves when as many serve as before. */
  kill(): Promise<void>
  stop(): Promise<void>
}

/** A version of the server: a few milliseconds of waiting, as for a database, and an answer that says its version. */
export function serverOf(version: number): string {
  return `import { createServer } from 'node:http'
// Version ${version}
const server = createServer((request, response) => {
  setTimeout(() => response.end('${version} ' + process.pid), 5)
})
server.listen(Number(process.env.PORT), process.env.HOST, () => process.send?.('ready'))
const leave = () => server.close(() => process.exit(0))
process.on('SIGTERM', leave)
process.on('SIGINT', leave)
`
}

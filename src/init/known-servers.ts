/** What is known of a program that serves HTTP by itself, so that nothing has to be found in sources. */
export interface KnownServer {
  /** For people. */
  readonly framework: string
  /** The program and its first words, as they start a command. */
  readonly starts: RegExp
  /** It reads PORT; or the words that tell it the port. */
  readonly port: 'environment' | string
  /** What has to be there before it starts, and usually comes from `npm run build`. */
  readonly needs?: string
}

/** Options that are a port in every program that is known; the number behind them becomes `$PORT`. */
export const PORT_OPTION: RegExp = /(\s(?:--port|--listen|-p|-l)[= ]|\s-p)(\d{2,5})\b/

/** The first that matches counts. */
export const KNOWN_SERVERS: readonly KnownServer[] = [
  { framework: 'Next.js', starts: /^next start\b/, port: 'environment', needs: '.next' },
  { framework: 'Nuxt', starts: /^(?:nuxt|nuxi) (?:start|preview)\b/, port: 'environment', needs: '.output' },
  { framework: 'Nuxt', starts: /^node \.output\/server/, port: 'environment', needs: '.output' },
  { framework: 'React Router', starts: /^react-router-serve\b/, port: 'environment', needs: 'build' },
  { framework: 'Remix', starts: /^remix-serve\b/, port: 'environment', needs: 'build' },
  { framework: 'Vite', starts: /^vite preview\b/, port: '--host $HOST --port $PORT --strictPort', needs: 'dist' },
  { framework: 'Astro', starts: /^astro preview\b/, port: '--host $HOST --port $PORT', needs: 'dist' },
  {
    framework: 'Vite, its development server',
    starts: /^vite(?: dev| serve)?(?= -|$)/,
    port: '--host $HOST --port $PORT --strictPort',
  },
  { framework: 'Fastify', starts: /^fastify start\b/, port: 'environment' },
  { framework: 'http-server', starts: /^(?:http-server|hs)\b/, port: '-a $HOST -p $PORT' },
  { framework: 'serve', starts: /^serve\b/, port: '-l $PORT' },
  { framework: 'json-server', starts: /^json-server\b/, port: '--port $PORT' },
  { framework: 'sirv', starts: /^sirv\b/, port: '--host $HOST --port $PORT' },
  { framework: 'React Scripts', starts: /^react-scripts start\b/, port: 'environment' },
  { framework: "Python's http.server", starts: /^python3? -m http\.server\b/, port: '$PORT' },
]

/** @example knownServer('next start -H 0.0.0.0')?.framework // 'Next.js' */
export function knownServer(command: string): KnownServer | undefined {
  return KNOWN_SERVERS.find(({ starts }) => starts.test(command))
}

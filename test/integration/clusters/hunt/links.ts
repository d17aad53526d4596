import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'
import { portIn } from './prober.ts'

/** The connections by which nodes follow each other, which can be cut without either side being told. */
export interface Links {
  /** The port at which a follower reaches another node, by their numbers. */
  readonly ports: Readonly<Record<number, Readonly<Record<number, number>>>>
  /** From now on no byte passes between a node and any other, either way; connections stay open, and new ones get no answer. */
  cut(node: number): void
  /** Instead: connections end, and so do new ones. */
  sever(node: number): void
  /** Undoes one of the two. What was sent meanwhile arrives. */
  heal(node: number, what: 'cut' | 'sever'): void
  healAll(): void
  end(): Promise<void>
}

/** One way to reach one node from another. */
interface Link {
  readonly ends: readonly [follower: number, node: number]
  readonly server: Server
  readonly lines: Set<Line>
}

/** One connection: what its follower holds, and the other half of it, once it is there. */
interface Line {
  readonly near: Socket
  far: Socket | undefined
  isFlowing: boolean
  /** One half has ended, and the other one is to be told. */
  isOver: boolean
}

/** @param directories data directories by node: who runs there has written down his port */
export async function openLinks(directories: ReadonlyMap<number, string>): Promise<Links> {
  /** How often each node is cut now; one node may be the victim of two faults. */
  const cuts = { cut: new Map<number, number>(), sever: new Map<number, number>() }
  const links: Link[] = []
  const ports: Record<number, Record<number, number>> = {}
  const is = (what: keyof typeof cuts, { ends }: Link): boolean => ends.some((node) => (cuts[what].get(node) ?? 0) > 0)

  async function accept(link: Link, near: Socket): Promise<void> {
    const line: Line = { near, far: undefined, isFlowing: false, isOver: false }
    link.lines.add(line)
    attach(link, line, near)
    await extend(link, line)
  }

  /** The other half of a connection, unless it is cut: then when it is healed. */
  async function extend(link: Link, line: Line): Promise<void> {
    if (is('sever', link)) return end(link, line)
    if (is('cut', link)) return
    const port = await portIn(directories.get(link.ends[1])!).catch(() => undefined)
    if (port === undefined) return end(link, line)
    if (line.isOver || line.far !== undefined) return settle(link, line)
    line.far = connect({ host: '127.0.0.1', port })
    attach(link, line, line.far)
    settle(link, line)
  }

  function attach(link: Link, line: Line, half: Socket): void {
    half.setNoDelay(true)
    half.on('error', () => undefined)
    half.on('close', () => {
      line.isOver = true
      settle(link, line)
    })
  }

  /** Lets bytes pass, or not. */
  function settle(link: Link, line: Line): void {
    const { near, far, isOver } = line
    if (is('sever', link)) return end(link, line)
    if (is('cut', link)) {
      if (far === undefined || !line.isFlowing) return
      line.isFlowing = false
      near.unpipe(far).pause()
      far.unpipe(near).pause()
    } else if (isOver) end(link, line)
    else if (far === undefined) void extend(link, line)
    else if (!line.isFlowing) {
      line.isFlowing = true
      near.pipe(far)
      far.pipe(near)
    }
  }

  function end(link: Link, line: Line): void {
    line.isOver = true
    link.lines.delete(line)
    line.near.destroy()
    line.far?.destroy()
  }

  function change(node: number, what: keyof typeof cuts, by: 1 | -1): void {
    cuts[what].set(node, Math.max(0, (cuts[what].get(node) ?? 0) + by))
    for (const link of links) for (const line of link.lines) settle(link, line)
  }

  for (const follower of directories.keys()) {
    for (const node of directories.keys()) {
      if (node === follower) continue
      const server = createServer({ pauseOnConnect: true }, (near) => void accept(link, near))
      const link: Link = { ends: [follower, node], server, lines: new Set() }
      links.push(link)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      ports[follower] = { ...ports[follower], [node]: (server.address() as AddressInfo).port }
    }
  }

  return {
    ports,
    cut: (node) => change(node, 'cut', 1),
    sever: (node) => change(node, 'sever', 1),
    heal: (node, what) => change(node, what, -1),
    healAll() {
      for (const [what, nodes] of Object.entries(cuts) as [keyof typeof cuts, Map<number, number>][]) {
        for (const [node, times] of nodes) for (let time = 0; time < times; time++) change(node, what, -1)
      }
    },
    async end() {
      for (const link of links) for (const line of link.lines) end(link, line)
      await Promise.all(links.map(({ server }) => new Promise((resolve) => server.close(resolve))))
    },
  }
}

import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'

/** A command line that waits behind a gate, and the environment it needs. */
export interface GatedCommand {
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** What the gate found. */
export interface GateAnswer {
  /** Whether the program exists and may be executed by the child's user. */
  readonly isFound: boolean
  /** Whether the process entered every control group whose file it was given. */
  readonly hasJoined: boolean
}

/** The descriptor that the gate is on; control group files follow it. */
export const GATE_DESCRIPTOR = 3

/**
 * Wraps a command so that the process exists, with its final pid, but runs nothing of the program until we say so:
 * by then it is in the record and with the guardian, so there is no moment at which our death would leak it. If we die
 * first, the gate reads the end of the pipe and leaves.
 *
 * It is a shell that replaces itself, about a millisecond. On the way it enters the control groups through descriptors
 * that we opened (the kernel checks the rights of who opened them), so the child is inside from its first instruction
 * although it no longer is root.
 */
export function gateCommand(command: GatedCommand, groupCount: number): GatedCommand {
  const groups = Array.from({ length: groupCount }, (_, i) => GATE_DESCRIPTOR + 1 + i)
  const script = [
    `IFS= read -r word <&${GATE_DESCRIPTOR} && [ "$word" = go ] || exit 125`,
    'joined=joined',
    ...groups.map((descriptor) => `echo 0 >&${descriptor} || joined=outside`),
    'case $1 in */*) [ -f "$1" ] && [ -x "$1" ] ;; *) command -v "$1" >/dev/null ;; esac && found=found || found=missing',
    `echo "$found $joined" >&${GATE_DESCRIPTOR}`,
    '[ $found = found ] || exit 127',
    'shift $2',
    `exec ${[GATE_DESCRIPTOR, ...groups].map((descriptor) => `${descriptor}>&-`).join(' ')}`,
    'exec "$@"',
  ].join('\n')
  // A shell drops variables that it could not name itself ('spring.profile'); env(1) carries those past it.
  const named = Object.entries(command.env)
  const odd = named.filter(([name]) => !/^[A-Za-z_]\w*$/.test(name)).map(([name, value]) => `${name}=${value}`)
  const carried = odd.length === 0 ? [] : ['/usr/bin/env', ...odd]
  return {
    command: '/bin/sh',
    args: ['-c', script, 'tenfold', command.command, '2', ...carried, command.command, ...command.args],
    env: command.env,
  }
}

/** Opens the gate and waits for what it found; undefined when the process left without an answer. */
export async function openGate(gate: Duplex): Promise<GateAnswer | undefined> {
  gate.on('error', () => {}) // A process that was killed meanwhile; the missing answer says so.
  gate.write('go\n')
  const [found, joined] = (await text(gate).catch(() => '')).trim().split(' ')
  gate.destroy()
  if (joined === undefined) return undefined
  return { isFound: found === 'found', hasJoined: joined === 'joined' }
}

/** Lets the process behind the gate leave without having run anything. */
export async function closeGate(gate: Duplex): Promise<void> {
  if (gate.destroyed) return
  gate.destroy()
  await once(gate, 'close')
}

import { readFile } from 'node:fs/promises'
import { writeFileDurably } from '../core/durable-file.ts'

/** The ports of doors that an earlier run has used, by database. A file that says something else says nothing. */
export async function readDoorPorts(file: string): Promise<ReadonlyMap<string, number>> {
  try {
    const { ports } = JSON.parse(await readFile(file, 'utf8')) as { ports?: unknown }
    return new Map(Object.entries(Object(ports)).filter((entry): entry is [string, number] => isPort(entry[1])))
  } catch {
    // None yet, or not ours: programs get other ports, and are started with them.
    return new Map()
  }
}

export async function writeDoorPorts(file: string, ports: ReadonlyMap<string, number>): Promise<void> {
  await writeFileDurably(file, `${JSON.stringify({ layout: 1, ports: Object.fromEntries(ports) }, undefined, 2)}\n`)
}

function isPort(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= 65_535
}

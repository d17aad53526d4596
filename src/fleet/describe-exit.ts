import { formatSize } from '../core/size.ts'
import type { ExitStatus } from '../core/subprocess.ts'

/** What Node prints below every uncaught error. */
const NODE_VERSION = /^Node\.js v\d/

/**
 * How a process ended, with the line of its output that says most.
 *
 * @example describeExit({ code: 1, signal: undefined }, ['Error: no menu']) // 'exited with code 1: Error: no menu'
 */
export function describeExit(
  { code, signal, isOverMemory }: ExitStatus,
  lines: readonly string[],
  memoryBytes?: number,
): string {
  if (isOverMemory === true && memoryBytes !== undefined) {
    return `was killed: over its memory limit ${formatSize(memoryBytes)}`
  }
  const how =
    signal !== undefined ? `was ended by ${signal}` : code !== undefined ? `exited with code ${code}` : 'ended'
  const isTelling = (line: string): boolean => /^\s*(?:[A-Za-z]*(?:Error|Exception)\b|fatal\b|error\b)/i.test(line)
  const telling = lines.findLast(isTelling)
  // Who was killed from outside has not said why.
  const line =
    signal === undefined
      ? (telling ?? lines.findLast((text) => text.trim() !== '' && !NODE_VERSION.test(text)))
      : telling
  return line === undefined ? how : `${how}: ${line.trim().slice(0, 300)}`
}

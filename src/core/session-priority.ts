import { writeFileSync } from 'node:fs'

/**
 * Where Linux shares the CPU by session (autogroup: outside containers, and wherever nobody else divides it), the
 * priority of a session counts, and that of a process only within it. Every child is a session of its own. Going back to 0
 * needs no right, which is not so for the priority of a process.
 *
 * @param nice 0 (as all others) to 19
 * @returns false where it was refused and may be tried again: without the right to administer the system, ten such
 *   changes a second are the most
 */
export function setSessionNice(pid: number, nice: number): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(nice), { flag: 'r+' })
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EAGAIN'
  }
}

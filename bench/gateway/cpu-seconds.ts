import { readFile } from 'node:fs/promises'

/** Of one tick in `/proc`: fixed in Linux's interface to programs. */
const TICK_SECONDS = 0.01

/** User and system time that a process and its children, which must go on living, have used so far. Linux only. */
export async function cpuSeconds(pid: number): Promise<number> {
  const children = (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).split(' ').filter(Boolean)
  const all = await Promise.all([pid, ...children.map(Number)].map(ownSeconds))
  return all.reduce((sum, seconds) => sum + seconds, 0)
}

async function ownSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The name of the program, in parentheses, may hold blanks; `utime` and `stime` are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * TICK_SECONDS
}

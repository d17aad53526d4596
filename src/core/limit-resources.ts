import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { ControlGroup } from './control-group.ts'
import { noControlGroup, readGroupFile, removeGroups } from './control-group.ts'
import { adoptVersion1Groups, createVersion1Group } from './control-groups/version-1.ts'
import { createVersion2Group, version2Group } from './control-groups/version-2.ts'
import { identifyProcess, isRunning } from './process-identity.ts'
import type { ResourceLimits } from './resource-limits.ts'

/** Where control groups can be made: our own groups, and those of our parents. */
export type ControlGroupPlaces =
  | { readonly version: 1; readonly parents: { cpu?: string; cpuacct?: string; memory?: string } }
  | { readonly version: 2; readonly parents: readonly string[] }
  | { readonly version: undefined; readonly reason: string }

let groupsMade = 0
let places: ControlGroupPlaces | undefined

/**
 * Makes the control groups that hold one child to its limits. Where the machine can't, the group says why, and the
 * child runs without: a limit is never claimed that is not enforced.
 */
export function limitResources(limits: ResourceLimits | undefined): ControlGroup {
  if (limits?.cpu === undefined && limits?.memoryBytes === undefined) return noControlGroup('no limits were asked for')
  if (places === undefined) {
    places = findPlaces()
    removeStaleGroups(places)
  }
  if (places.version === undefined) return noControlGroup(places.reason)
  const self = identifyProcess(process.pid)
  const name = `tenfold-${process.pid}-${self?.startTime ?? '0'}-${++groupsMade}`
  return places.version === 1
    ? createVersion1Group(places.parents, name, limits)
    : createVersion2Group(places.parents, name, limits)
}

/** Goes on with the groups that an earlier run made for a child. */
export function adoptGroups(directories: readonly string[], limits: ResourceLimits = {}): ControlGroup {
  const [first] = directories
  if (first === undefined) return noControlGroup('it was started without limits')
  const isVersion2 = readGroupFile(first, 'cgroup.controllers') !== undefined
  return isVersion2 ? version2Group(first, limits) : adoptVersion1Groups(directories, limits)
}

function findPlaces(): ControlGroupPlaces {
  if (process.platform !== 'linux') return { version: undefined, reason: `${process.platform} has no control groups` }
  try {
    const [mounts, own] = ['mountinfo', 'cgroup'].map((file) => readFileSync(`/proc/self/${file}`, 'utf8'))
    return choosePlaces(mounts ?? '', own ?? '', (directory) => readGroupFile(directory, 'cgroup.controllers') ?? '')
  } catch {
    return { version: undefined, reason: '/proc does not tell where control groups are' }
  }
}

/**
 * Where to make groups, from `/proc/self/mountinfo` and `/proc/self/cgroup`. Version 2 is chosen where it has the CPU
 * controller: on hybrid systems it is mounted, too, but empty.
 */
export function choosePlaces(
  mountInfo: string,
  ownGroups: string,
  controllersOf: (directory: string) => string,
): ControlGroupPlaces {
  const own = new Map(
    ownGroups.split('\n').flatMap((line) => {
      const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
      return (controllers ?? '').split(',').map((controller) => [controller, path ?? '/'] as const)
    }),
  )
  const parents: Record<string, string> = {}
  for (const line of mountInfo.split('\n')) {
    const [before = '', after = ''] = line.split(' - ')
    const [, , , root = '/', mountPoint = ''] = before.split(' ')
    const [type, , options = ''] = after.split(' ')
    if (type === 'cgroup2') {
      const place = placeOf(own.get('') ?? '/', root, mountPoint)
      if (controllersOf(mountPoint).split(/\s+/).includes('cpu')) {
        const isTop = place === mountPoint
        return { version: 2, parents: isTop ? [place] : [place, dirname(place)] }
      }
    } else if (type === 'cgroup') {
      for (const controller of options.trim().split(',')) {
        const path = own.get(controller)
        if (path !== undefined) parents[controller] ??= placeOf(path, root, mountPoint)
      }
    }
  }
  const { cpu, cpuacct, memory } = parents
  if (cpu === undefined && memory === undefined) {
    return { version: undefined, reason: 'no control group hierarchy with the CPU controller is mounted' }
  }
  const found = { ...(cpu && { cpu }), ...(cpuacct && { cpuacct }), ...(memory && { memory }) }
  return { version: 1, parents: found }
}

/** The directory of a group; a container's mount may start somewhere below the root of the hierarchy. */
function placeOf(path: string, root: string, mountPoint: string): string {
  if (root === '/') return path.startsWith('/..') ? mountPoint : resolve(mountPoint, `.${path}`)
  return path === root || path.startsWith(`${root}/`) ? resolve(mountPoint, `.${path.slice(root.length)}`) : mountPoint
}

/** Groups whose maker is dead and that are empty: what kill -9 left. One with processes inside refuses by itself. */
function removeStaleGroups(places: ControlGroupPlaces): void {
  if (places.version === undefined) return
  const parents = places.version === 1 ? Object.values(places.parents) : places.parents
  for (const parent of parents) {
    let entries: string[] = []
    try {
      entries = readdirSync(parent)
    } catch {
      continue // Not ours to read; then nothing of ours is in it.
    }
    for (const entry of entries) {
      const [, pid, startTime] = /^tenfold-(\d+)-(\d+)-\d+$/.exec(entry) ?? []
      if (pid === undefined || startTime === undefined) continue
      if (!isRunning({ pid: Number(pid), startTime })) removeGroups([join(parent, entry)])
    }
  }
}

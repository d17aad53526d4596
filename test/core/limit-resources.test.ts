import { describe, expect, it } from 'vitest'
import { choosePlaces, limitResources } from '../../src/core/limit-resources.ts'

const NO_CONTROLLERS = (): string => ''

describe('places for control groups', () => {
  it('are below our own group in every hierarchy of version 1, also where two controllers share one', () => {
    const mounts = [
      '33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct',
      '35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory',
      '40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd',
      '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw',
    ].join('\n')
    const own = '5:cpu,cpuacct:/\n4:memory:/some/where\n1:name=systemd:/init\n0::/'
    expect(choosePlaces(mounts, own, () => 'hugetlb\n')).toEqual({
      version: 1,
      parents: {
        cpu: '/sys/fs/cgroup/cpu,cpuacct',
        cpuacct: '/sys/fs/cgroup/cpu,cpuacct',
        memory: '/sys/fs/cgroup/memory/some/where',
      },
    })
  })

  it('are found in a container whose mount begins at its own group', () => {
    const mounts = '35 31 0:32 /docker/abc /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu'
    expect(choosePlaces(mounts, '4:cpu:/docker/abc/inner', NO_CONTROLLERS)).toMatchObject({
      parents: { cpu: '/sys/fs/cgroup/cpu/inner' },
    })
    expect(choosePlaces(mounts, '4:cpu:/', NO_CONTROLLERS)).toMatchObject({ parents: { cpu: '/sys/fs/cgroup/cpu' } })
  })

  it('are our own group and its parent in version 2', () => {
    const mounts = '35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate'
    const place = choosePlaces(mounts, '0::/user.slice/session-3.scope', () => 'cpuset cpu io memory\n')
    expect(place).toEqual({
      version: 2,
      parents: ['/sys/fs/cgroup/user.slice/session-3.scope', '/sys/fs/cgroup/user.slice'],
    })
    expect(choosePlaces(mounts, '0::/', () => 'cpu')).toEqual({ version: 2, parents: ['/sys/fs/cgroup'] })
  })

  it('are nowhere, with the reason, when nothing is mounted', () => {
    expect(choosePlaces('', '0::/', NO_CONTROLLERS)).toMatchObject({
      version: undefined,
      reason: expect.stringContaining('no control group'),
    })
  })
})

describe('limits', () => {
  it('are not enforced, and nothing is made, when none are asked for', () => {
    for (const limits of [undefined, {}, { cpu: undefined }]) {
      expect(limitResources(limits)).toMatchObject({
        state: { enforced: false, reason: 'no limits were asked for' },
        directories: [],
      })
    }
  })
})

import { describe, expect, it } from 'vitest'
import type { Certificate } from '../../../src/core/certificate.ts'
import type { Notice } from '../../../src/control/snapshot.ts'
import type { CertificateKeeper } from '../../../src/gateway/tls/keep-certificates.ts'
import { createCertificateKeeper } from '../../../src/gateway/tls/keep-certificates.ts'
import type { VirtualClock } from '../../../src/testing/virtual-clock.ts'
import { virtualClock } from '../../../src/testing/virtual-clock.ts'

const DAY_MS = 86_400_000

interface Bench {
  readonly clock: VirtualClock
  readonly keeper: CertificateKeeper
  /** What the gateway was given. */
  readonly handed: (readonly Certificate[])[]
  readonly notices: Omit<Notice, 'atEpochMs'>[]
  /** What the files hold from now on, or why they can't be used. */
  put(found: Certificate | string): void
  failToHand(isFailing: boolean): void
  /** So many looks later. */
  look(times?: number): Promise<void>
}

function bench(): Bench {
  const clock = virtualClock()
  const handed: (readonly Certificate[])[] = []
  const notices: Omit<Notice, 'atEpochMs'>[] = []
  let found: Certificate | string = certificate('first', clock)
  let isFailing = false
  const life = new AbortController()
  const keeper = createCertificateKeeper({
    files: [{ certificate: '/tls/cert.pem', key: '/tls/key.pem' }],
    clock,
    read: () => (typeof found === 'string' ? Promise.reject(new Error(found)) : Promise.resolve(found)),
    hand: (certificates) => {
      if (isFailing) return Promise.reject(new Error('nobody there'))
      handed.push(certificates)
      return Promise.resolve()
    },
    onNotice: (notice) => notices.push(notice),
  })
  void keeper.watch(life.signal)
  return {
    clock,
    keeper,
    handed,
    notices,
    put: (next) => void (found = next),
    failToHand: (is) => void (isFailing = is),
    async look(times = 1) {
      for (let i = 0; i < times; i++) await clock.advance(2_000)
    },
  }
}

function certificate(name: string, clock: VirtualClock, { fromDays = -1, days = 90 } = {}): Certificate {
  const nowMs = clock.epochMs()
  return {
    certificate: `certificate of ${name}`,
    key: `key of ${name}`,
    names: `${name}.test`,
    startsEpochMs: nowMs + fromDays * DAY_MS,
    endsEpochMs: nowMs + days * DAY_MS,
  }
}

describe('the certificates of a gateway', () => {
  it('are handed over at the start, and again only when the files have changed', async () => {
    const { clock, keeper, handed, notices, put, look } = bench()
    await keeper.enter(false)
    await look(3)
    expect(handed).toHaveLength(1)
    put(certificate('second', clock))
    await look(3)
    expect(handed.map(([first]) => first?.names)).toEqual(['first.test', 'second.test'])
    expect(notices).toEqual([
      { level: 'info', about: 'certificate', message: 'the gateway shows the new certificate of second.test' },
    ])
  })

  it('fail the start when they can not be used, unless the gateway has some', async () => {
    const { clock, keeper, handed, notices, put } = bench()
    put('expected in /tls/key.pem a whole private key in PEM')
    await expect(keeper.enter(false)).rejects.toThrow('/tls/key.pem')
    await keeper.enter(true)
    put(certificate('old', clock, { days: -1 }))
    await keeper.enter(true)
    expect(handed).toEqual([])
    expect(notices).toMatchObject([
      { level: 'error', message: expect.stringContaining('/tls/key.pem') },
      { level: 'error', message: expect.stringContaining('got one that ended') },
    ])
  })

  it('stay while the files are half written, which is said only when it lasts', async () => {
    const { clock, keeper, handed, notices, put, look } = bench()
    const second = certificate('second', clock)
    await keeper.enter(false)
    put('expected in /tls/key.pem the key of /tls/cert.pem')
    await look()
    put(second)
    await look()
    expect(notices.map(({ level }) => level)).toEqual(['info'])
    put('expected in /tls/key.pem the key of /tls/cert.pem')
    await look(5)
    expect(notices.slice(1)).toEqual([
      {
        level: 'error',
        about: 'certificate',
        message: 'expected in /tls/key.pem the key of /tls/cert.pem',
        hint: 'the gateway goes on with the one that it has',
      },
    ])
    put(second)
    await look()
    expect(notices.at(-1)).toMatchObject({ level: 'info', message: expect.stringContaining('can be used again') })
    expect(handed).toHaveLength(2)
  })

  it.each([
    ['has ended', { days: -2 }, 'ended'],
    ['has not begun', { fromDays: 2 }, 'begins'],
  ])('are not replaced by one that %s', async (_name, validity, word) => {
    const { clock, keeper, handed, notices, put, look } = bench()
    await keeper.enter(false)
    put(certificate('bad', clock, validity))
    await look(3)
    expect(handed).toHaveLength(1)
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringContaining(`got one that ${word}`) }])
  })

  it('are shown after their end where there is nothing better, with an error', async () => {
    const { clock, keeper, handed, notices, put } = bench()
    put(certificate('old', clock, { days: -1 }))
    await keeper.enter(false)
    expect(handed).toHaveLength(1)
    expect(notices).toMatchObject([{ level: 'error', message: expect.stringMatching(/^the certificate in .* ended/) }])
  })

  it('are warned of in the last fourteen days, once an hour', async () => {
    const { clock, keeper, notices, put, look } = bench()
    put(certificate('late', clock, { days: 14.0001 }))
    await keeper.enter(false)
    expect(notices).toEqual([])
    await look(10)
    expect(notices).toMatchObject([{ level: 'warning', message: expect.stringMatching(/cert\.pem ends \d{4}-/) }])
    await look(1_800)
    expect(notices).toHaveLength(2)
  })

  it('are handed to the process that comes after a crash as they were, and then as they are', async () => {
    const { clock, keeper, handed, put, failToHand, look } = bench()
    await keeper.enter(false)
    failToHand(true)
    put(certificate('second', clock))
    await look(2)
    failToHand(false)
    await keeper.enter(false)
    await look()
    expect(handed.map(([first]) => first?.names)).toEqual(['first.test', 'first.test', 'second.test'])
  })
})

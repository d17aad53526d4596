import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { solveClosedNetwork } from '../../src/queueing/closed-network.ts'

// Lazowska, Zahorjan, Graham and Sevcik, Quantitative System Performance (1984), table 6.2: a processor and two disks,
// users who think for 15 s.
const CPU = { name: 'cpu', demandMs: 605 }
const DISK_1 = { name: 'disk 1', demandMs: 2_100 }
const DISK_2 = { name: 'disk 2', demandMs: 1_350 }

test.each([
  [1, 0.0525, [0.605, 2.1, 1.35]],
  [2, 0.1031, [0.624, 2.331, 1.446]],
  [3, 0.1515, [0.644, 2.605, 1.551]],
])('%i users get from a processor and two disks what the textbook prints', (users, throughput, residences) => {
  const network = solveClosedNetwork({ stations: [CPU, DISK_1, DISK_2], thinkMs: 15_000, users })
  expect(network.requestsPerSecond).toBeCloseTo(throughput, 4)
  network.stations.forEach((station, i) => expect(station.residenceMs / 1_000).toBeCloseTo(residences[i] as number, 3))
})

test('is exact mean value analysis: its recursion gives the same for single servers', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: 0.1, max: 500, noNaN: true }), { minLength: 1, maxLength: 5 }),
      fc.double({ min: 0, max: 5_000, noNaN: true }),
      fc.integer({ min: 1, max: 60 }),
      (demands, thinkMs, users) => {
        const stations = demands.map((demandMs, i) => ({ name: String(i), demandMs }))
        const network = solveClosedNetwork({ stations, thinkMs, users })
        const expected = meanValueAnalysis(demands, thinkMs, users)
        expect(network.requestsPerSecond / (expected.perMs * 1_000)).toBeCloseTo(1, 8)
        expect(network.responseMs / expected.responseMs).toBeCloseTo(1, 6)
      },
    ),
    { numRuns: 50 },
  )
})

test('several servers are exact: mechanics who repair machines (M/M/c with a finite source)', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 12 }),
      fc.double({ min: 1, max: 500, noNaN: true }),
      fc.double({ min: 1, max: 5_000, noNaN: true }),
      fc.integer({ min: 1, max: 80 }),
      (servers, demandMs, thinkMs, users) => {
        const stations = [{ name: 'repair', demandMs, servers }]
        const network = solveClosedNetwork({ stations, thinkMs, users })
        expect(network.requestsPerSecond / repairsPerSecond(servers, demandMs, thinkMs, users)).toBeCloseTo(1, 8)
      },
    ),
    { numRuns: 50 },
  )
})

test('who is somewhere adds up to everybody, and nobody works more than always', () => {
  const stations = [
    { name: 'api', demandMs: 5, servers: 8 },
    { name: 'pool', demandMs: 30, servers: 20 },
    { name: 'database', demandMs: 2 },
  ]
  const network = solveClosedNetwork({ stations, thinkMs: 1_000, users: 1_500 })
  const thinking = network.requestsPerSecond * 1
  const present = network.stations.reduce((sum, station) => sum + station.present, thinking)
  expect(present).toBeCloseTo(1_500, 6)
  // Far beyond saturation, where the recursion for several servers has lost all its digits.
  expect(network.requestsPerSecond).toBeCloseTo(500, 6)
  for (const { utilisation } of network.stations) expect(utilisation).toBeLessThanOrEqual(1 + 1e-9)
})

test('a station that nobody needs holds nobody', () => {
  const { stations } = solveClosedNetwork({ stations: [CPU, { name: 'idle', demandMs: 0 }], users: 5 })
  expect(stations[1]).toEqual({ name: 'idle', residenceMs: 0, present: 0, utilisation: 0 })
})

test('refuses a network without users, stations or time', () => {
  expect(() => solveClosedNetwork({ stations: [CPU], users: 0 })).toThrow(/expected 1 to 5000 users, got 0/)
  expect(() => solveClosedNetwork({ stations: [], users: 1 })).toThrow(/expected stations/)
  expect(() => solveClosedNetwork({ stations: [{ ...CPU, demandMs: 0 }], users: 1 })).toThrow(/demand or a think time/)
})

/** Reiser and Lavenberg's recursion for stations of one server. */
function meanValueAnalysis(demands: readonly number[], thinkMs: number, users: number) {
  let present = demands.map(() => 0)
  let perMs = 0
  let responseMs = 0
  for (let n = 1; n <= users; n++) {
    const residences = demands.map((demand, i) => demand * (1 + (present[i] as number)))
    responseMs = residences.reduce((sum, each) => sum + each, 0)
    perMs = n / (responseMs + thinkMs)
    present = residences.map((each) => each * perMs)
  }
  return { perMs, responseMs }
}

/** The birth and death chain of the machine repair problem, solved state by state. */
function repairsPerSecond(servers: number, demandMs: number, thinkMs: number, users: number): number {
  let weight = 1
  let total = 1
  let busy = 0
  for (let n = 1; n <= users; n++) {
    weight *= (((users - n + 1) / thinkMs) * demandMs) / Math.min(n, servers)
    total += weight
    busy += weight * Math.min(n, servers)
  }
  return (busy / total / demandMs) * 1_000
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Squares } from '../wire/frame.ts'
import { FUSED, OWN, PARTNER, foreign, regionAt, regions, sides, tone } from './shares.ts'

type Told = { partner?: number; cell: number; epoch?: number; kind?: number; half?: number; domain?: number; lat?: number; lon?: number }

const told = (...rows: Told[]): Squares => ({
  n: rows.length,
  nowMs: 0,
  track: BigUint64Array.from(rows, (_, i) => BigInt(i)),
  cell: BigUint64Array.from(rows, (row) => BigInt(row.cell)),
  lonE7: Int32Array.from(rows, (row) => (row.lon ?? 0) * 1e7),
  latE7: Int32Array.from(rows, (row) => (row.lat ?? 0) * 1e7),
  halfM: Uint32Array.from(rows, (row) => row.half ?? 1000),
  epochS: Uint32Array.from(rows, (row) => row.epoch ?? 100),
  untilS: Uint32Array.from(rows, (row) => (row.epoch ?? 100) + 60),
  partner: Uint8Array.from(rows, (row) => row.partner ?? 1),
  kind: Uint8Array.from(rows, (row) => row.kind ?? 1),
  domain: Uint8Array.from(rows, (row) => row.domain ?? 2),
})

test('a track is own, a partner\'s or fused', () => {
  assert.equal(tone([0, [0], false]), OWN)
  assert.equal(tone([0, [0, 2], false]), FUSED)
  assert.equal(tone([0, [0], true]), FUSED)
  assert.equal(tone([2, [2], false]), PARTNER)
  assert.equal(tone([2, [0, 2], true]), PARTNER)
})

test('the id of a partner\'s row tells its place and its count, ours tells neither', () => {
  assert.deepEqual(foreign(String((1n << 63n) | (5n << 48n) | (3n << 42n) | 17n)), { place: 3, count: 17 })
  assert.equal(foreign(String((5n << 48n) | 17n)), null)
  assert.equal(foreign(''), null)
})

test('what was told of one cell and epoch is one square with its count', () => {
  const found = regions(told({ cell: 7, kind: 1 }, { cell: 7, kind: 1, half: 3000 }, { cell: 7, kind: 8, half: 2000 }))
  assert.equal(found.length, 1)
  assert.equal(found[0]!.n, 3)
  assert.equal(found[0]!.halfM, 3000)
  assert.deepEqual(found[0]!.kinds, [['vessel_a', 2], ['unmanned_aircraft', 1]])
})

test('cells, partners, domains and epochs stay apart', () => {
  const rows = [{ cell: 7 }, { cell: 8 }, { cell: 7, partner: 2 }, { cell: 7, domain: 1 }, { cell: 7, epoch: 40 }]
  const found = regions(told(...rows))
  assert.equal(found.length, rows.length)
  assert.equal(new Set(found.map((region) => region.key)).size, rows.length)
})

test('a square keeps its key when the partner tells the cell again', () => {
  const [before] = regions(told({ cell: 7, epoch: 100 }))
  const [after] = regions(told({ cell: 7, epoch: 160 }))
  assert.equal(after!.key, before!.key)
  assert.equal(after!.epochMs, 160_000)
})

test('a square is as wide on the ground as it is high', () => {
  const [west, south, east, north] = sides({ lonDeg: 10, latDeg: 60, halfM: 11_119.5 })
  assert.ok(Math.abs(north - south - 0.2) < 1e-4)
  assert.ok(Math.abs(east - west - 0.4) < 1e-3)
})

test('the smallest square under a place is found, across the antimeridian too', () => {
  const all = regions(told({ cell: 1, half: 900_000, lon: 179 }, { cell: 2, half: 50_000, lon: 179.9 }))
  assert.equal(regionAt(all, -179.9, 0)?.cell, '2')
  assert.equal(regionAt(all, -179.9, 3)?.cell, '1')
  assert.equal(regionAt(all, 0, 0), null)
})

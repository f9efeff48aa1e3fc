import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Frame } from '../wire/frame.ts'
import * as address from './address.ts'
import * as format from './format.ts'
import { Picture } from './picture.ts'
import { EARTH_M, latitudeDeg, mercatorX, mercatorY, nearest, perMetre } from './place.ts'

function frame(part: Partial<Record<'lon' | 'lat' | 'course' | 'speed' | 'age' | 'state', number[]>>): Frame {
  const n = part.lon?.length ?? 1
  const of = (values: number[] | undefined, scale: number): number[] => (values ?? Array(n).fill(0)).map((v) => Math.round(v * scale))
  return {
    n, view: 0, sequence: 1, nowMs: 1_000_000,
    slot: Uint32Array.from({ length: n }, (_, i) => i + 1),
    lonE7: Int32Array.from(of(part.lon, 1e7)), latE7: Int32Array.from(of(part.lat, 1e7)),
    course: Uint16Array.from(of(part.course, 100)), speed: Uint16Array.from(of(part.speed, 10)),
    age: Uint16Array.from(of(part.age, 10)), kind: new Uint8Array(n), state: Uint8Array.from(of(part.state, 1)),
    origin: null,
  }
}

test('mercator there and back, and the length of a metre', () => {
  for (const lat of [-80, -33.3, 0, 12.5, 84]) assert.ok(Math.abs(latitudeDeg(mercatorY(lat)) - lat) < 1e-9)
  const metre = (mercatorY(60) - mercatorY(60.001)) / ((0.001 * Math.PI * EARTH_M) / 180)
  assert.ok(Math.abs(perMetre(mercatorY(60)) / metre - 1) < 1e-4)
})

test('a craft goes on at its course and speed', () => {
  const picture = new Picture()
  picture.take(frame({ lon: [10], lat: [60], course: [90], speed: [200] }), 1000)
  const [x, y] = picture.at(0, 3, 0.5)
  const east = ((x - mercatorX(10)) * 2 * Math.PI * EARTH_M) / Math.cosh(Math.PI * (1 - 2 * y))
  assert.ok(Math.abs(east - 600) < 0.5, `${east} m`)
  assert.ok(Math.abs(y - mercatorY(60)) < 1e-12)
})

test('symbols stop three real seconds after the last frame, and follow the speed of a recording', () => {
  const picture = new Picture()
  picture.take(frame({ lon: [0] }), 1000)
  picture.speed = 20
  assert.equal(picture.ahead(2000), 20)
  assert.equal(picture.ahead(60_000), 60)
  assert.equal(picture.ahead(0), 0)
  assert.equal(picture.nowMs(2000), 1_020_000)
})

test('across the antimeridian the near copy is taken', () => {
  assert.ok(Math.abs(nearest(mercatorX(-179.9), mercatorX(179.9)) - mercatorX(180.1)) < 1e-12)
})

test('a silent aircraft pales sooner than a silent vessel', () => {
  const picture = new Picture()
  const [air, sea] = [1 << 4, 2 << 4]
  picture.take(frame({ lon: [0, 0, 0], age: [60, 60, 6000], state: [air, sea, sea] }), 0)
  assert.ok(picture.freshness(0) < picture.freshness(1))
  assert.equal(picture.freshness(1), 1)
  assert.equal(picture.freshness(2), 0.3)
})

test('the pressing come first, and never more than asked for', () => {
  const picture = new Picture()
  picture.take(frame({ lon: [0, 0, 0, 0], state: [0, 1 << 2, 2 << 2, 2 << 2] }), 0)
  assert.deepEqual(picture.pressing(9), [2, 3, 1])
  assert.deepEqual(picture.pressing(1), [2])
})

test('an address is read back as it was written; nonsense is dropped', () => {
  const one = { map: { zoom: 7.5, lat: 12.5, lon: -38.25 }, lang: 'ar', sel: '18446744073709551615', names: false }
  assert.deepEqual(address.read(address.write(one)), one)
  assert.deepEqual(address.read('#map=a/b/c&sel=<script>&lang='), { map: null, lang: '', sel: null, names: true })
  assert.equal(address.read('#map=1/2000/3').map?.lat, 85)
})

test('numbers as people read them', () => {
  assert.equal(format.knots(5.14444), '10.0 kn')
  assert.equal(format.course(359.6), '000°')
  assert.equal(format.feet(3048), '10,000 ft')
  assert.equal(format.position(-0.5, 179.999999), '00°30.000′S 180°00.000′E')
  assert.equal(format.utc(1_750_000_000_000), '2025-06-15 15:06:40Z')
  assert.equal(format.climb(-5.08), '−1,024 ft/min')
  assert.deepEqual([5, 59, 600, 8000].map(format.age), ['5.0 s', '59 s', '10 min', '2 h'])
  assert.deepEqual([format.age(null), format.utc(0), format.offset(-1.25)], ['–', '–', '−1.3 s'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extent, places } from './places.ts'

const square = (lon: number, lat: number, name?: string): GeoJSON.Feature => ({
  type: 'Feature',
  properties: name ? { name, name_ar: 'اسم' } : {},
  geometry: { type: 'Polygon', coordinates: [[[lon, lat], [lon + 2, lat], [lon + 2, lat + 1], [lon, lat + 1], [lon, lat]]] },
})
const town: GeoJSON.Feature = { type: 'Feature', properties: { name: 'Quay' }, geometry: { type: 'Point', coordinates: [0, 0] } }

test('lands bear their name at their middle, towns where they stand, in both languages', () => {
  const [land, quay, ...more] = places([square(10, 20, 'Isle'), town, square(50, 50)])
  assert.deepEqual(more, [])
  assert.deepEqual([land!.name, land!.nameAr, land!.town], ['Isle', 'اسم', false])
  assert.ok(Math.abs(land!.x - (11 / 360 + 0.5)) < 1e-12)
  assert.deepEqual(quay, { x: 0.5, y: 0.5, name: 'Quay', nameAr: 'Quay', town: true })
})

test('the map opens on the lands with a name, else on all; on none without land', () => {
  assert.deepEqual(extent([square(10, 20, 'Isle'), square(14, 25, 'Other'), square(50, 50), town]), [[10, 20], [16, 26]])
  assert.deepEqual(extent([square(10, 20), square(50, 50)]), [[10, 20], [52, 51]])
  assert.equal(extent([town]), null)
})

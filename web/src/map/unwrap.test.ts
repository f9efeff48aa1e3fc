import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { feature } from 'topojson-client'
import { flat, unwrapped } from './unwrap.ts'

test('a ring across the antimeridian goes on past it', () => {
  assert.deepEqual(unwrapped([[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]), [[179, 0], [181, 0], [181, 1], [179, 1], [179, 0]])
})

test('a ring round a pole is closed at the pole', () => {
  const ring = unwrapped([[-120, -70], [120, -70], [0, -70], [-120, -70]])
  assert.deepEqual(ring.slice(-3), [[-480, -90], [-120, -90], [-120, -70]])
})

test('no edge of the bundled coastlines leaps across the map', () => {
  for (const scale of ['50m', '10m']) {
    const world = JSON.parse(readFileSync(new URL(`../../node_modules/world-atlas/land-${scale}.json`, import.meta.url), 'utf8'))
    const land = flat(feature(world, world.objects.land) as GeoJSON.FeatureCollection)
    assert.ok(land.length > 1000)
    for (const { geometry } of land) {
      const [outer, ...holes] = (geometry as GeoJSON.Polygon).coordinates.map((ring) => ring.map(([lon]) => lon!))
      assert.ok(Math.abs(outer!.reduce((a, b) => Math.max(a, b)) + outer!.reduce((a, b) => Math.min(a, b))) <= 360)
      for (const hole of holes.flat()) assert.ok(hole >= Math.min(...outer!) && hole <= Math.max(...outer!))
    }
    for (const { geometry } of land)
      for (const ring of (geometry as GeoJSON.Polygon).coordinates) {
        assert.deepEqual(ring[0], ring.at(-1))
        for (let i = 1; i < ring.length; i++) {
          const leap = Math.abs(ring[i]![0]! - ring[i - 1]![0]!)
          assert.ok(leap < 40 || ring[i]![1]! < -84, `${scale}: ${ring[i - 1]} to ${ring[i]}`)
        }
      }
  }
})

// The atlas stitches rings across the antimeridian, as a globe wants them. A flat map wants them continuous.

type Ring = [number, number][]

const HALF_TURN = 180

// Longitudes without jumps (they may pass ±180; the map wraps them). A ring that goes round a pole is closed there.
export function unwrapped(ring: Ring): Ring {
  let turn = 0
  let before = ring[0]![0]
  const found = ring.map(([lon, lat]): [number, number] => {
    if (lon - before > HALF_TURN) turn -= 360
    else if (before - lon > HALF_TURN) turn += 360
    before = lon
    return [lon + turn, lat]
  })
  if (turn === 0) return found
  const pole = found.reduce((sum, [, lat]) => sum + lat, 0) < 0 ? -90 : 90
  return [...found, [found.at(-1)![0], pole], [found[0]![0], pole], found[0]!]
}

const middle = (ring: Ring): number => (extent(ring)[0] + extent(ring)[1]) / 2

function extent(ring: Ring): [number, number] {
  let [least, most] = [Infinity, -Infinity]
  for (const [lon] of ring) {
    least = Math.min(least, lon)
    most = Math.max(most, lon)
  }
  return [least, most]
}

const shifted = (ring: Ring, by: number): Ring => (by ? ring.map(([lon, lat]) => [lon + by, lat]) : ring)

// The outer ring with its middle on the map, its holes in the same turn of the world.
function polygon(rings: Ring[]): Ring[] {
  const [outer, ...holes] = rings.map(unwrapped)
  const turned = shifted(outer!, -360 * Math.round(middle(outer!) / 360))
  const [west, east] = extent(turned)
  const inside = (lon: number): number => (lon < west ? 360 : lon > east ? -360 : 0)
  return [turned, ...holes.map((hole) => shifted(hole, inside(middle(hole))))]
}

export function flat(land: GeoJSON.FeatureCollection | GeoJSON.Feature): GeoJSON.Feature[] {
  const features = land.type === 'Feature' ? [land] : land.features
  return features.flatMap(({ geometry }) => {
    if (geometry.type !== 'MultiPolygon' && geometry.type !== 'Polygon') return []
    const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
    return polygons.map((rings): GeoJSON.Feature => ({
      type: 'Feature',
      properties: {},
      geometry: { type: 'Polygon', coordinates: polygon(rings as Ring[]) },
    }))
  })
}

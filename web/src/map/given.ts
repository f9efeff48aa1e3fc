// What a partner gets, in violet on an empty map: points as they were told, squares where only a cell was told.

import type { FilterSpecification, GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import type { Shown } from '../picture/eyes.svelte.ts'
import { VIOLET } from './regions.ts'

const SOURCE = 'given'
const OWN = ['tracks', 'region', 'region-edge'] // layers of one's own picture
const REACH = 8 // pixels around a click

export function addGiven(map: MapLibre): void {
  map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] }, tolerance: 0 })
  const square: FilterSpecification = ['==', ['geometry-type'], 'Polygon']
  const chosen = ['get', 'chosen'] as const
  map.addLayer({
    id: 'given-square',
    type: 'fill',
    source: SOURCE,
    filter: square,
    paint: { 'fill-color': VIOLET, 'fill-opacity': ['case', [...chosen], 0.4, 0.14] },
  })
  map.addLayer({
    id: 'given-edge',
    type: 'line',
    source: SOURCE,
    filter: square,
    paint: { 'line-color': VIOLET, 'line-width': ['case', [...chosen], 3, 1], 'line-opacity': 0.7 },
  })
  map.addLayer({
    id: 'given-point',
    type: 'circle',
    source: SOURCE,
    filter: ['==', ['geometry-type'], 'Point'],
    paint: {
      'circle-color': VIOLET,
      'circle-radius': ['case', [...chosen], 8, 4.5],
      'circle-stroke-color': '#0b1220',
      'circle-stroke-width': 1.5,
    },
  })
}

// null: one's own picture is seen.
export function drawGiven(map: MapLibre, features: Shown[] | null, chosen: string | null): void {
  for (const layer of OWN) map.setLayoutProperty(layer, 'visibility', features ? 'none' : 'visible')
  const marked = (features ?? []).map((one) => ({ ...one, properties: { told: one.id, chosen: one.id === chosen } }))
  map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: 'FeatureCollection', features: marked })
}

// The told track under a point of the screen: a point before a square.
export function givenAt(map: MapLibre, at: { x: number; y: number }): string | null {
  const box: [[number, number], [number, number]] = [
    [at.x - REACH, at.y - REACH],
    [at.x + REACH, at.y + REACH],
  ]
  for (const layers of [['given-point'], ['given-square']]) {
    const found = map.queryRenderedFeatures(box, { layers })[0]
    if (found) return String(found.properties['told'])
  }
  return null
}

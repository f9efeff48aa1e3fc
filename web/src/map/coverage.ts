// Coverage as a layer beneath everything that has a place: what nobody sees is edged, so that colour is not all there is.

import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import { means, type State } from '../picture/means.svelte.ts'

const SOURCE = 'coverage'
export const TONES: Record<State, string> = { gap: '#d55e00', single: '#e69f00', covered: '#009e73' }

export function addCoverage(map: MapLibre): void {
  map.addSource(SOURCE, { type: 'geojson', data: { type: 'FeatureCollection', features: [] }, tolerance: 0 })
  const tone = ['match', ['get', 'state'], 'gap', TONES.gap, 'single', TONES.single, TONES.covered]
  map.addLayer({
    id: 'coverage',
    type: 'fill',
    source: SOURCE,
    paint: { 'fill-color': tone as never, 'fill-antialias': false, 'fill-opacity': ['match', ['get', 'state'], 'gap', 0.34, 'single', 0.2, 0.14] },
  })
  map.addLayer({
    id: 'coverage-gap',
    type: 'line',
    source: SOURCE,
    filter: ['==', ['get', 'state'], 'gap'],
    paint: { 'line-color': TONES.gap, 'line-width': 1, 'line-dasharray': [2, 2], 'line-opacity': 0.8 },
  })
}

export function drawCoverage(map: MapLibre): void {
  map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: 'FeatureCollection', features: means.cells?.features ?? [] })
}

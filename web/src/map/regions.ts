// Squares in which partners say that something is: soft, beneath everything that has a place.

import type { GeoJSONSource, Map as MapLibre } from 'maplibre-gl'
import { sides, type Region } from '../picture/shares.ts'

export const VIOLET = '#b58cff'
const SOURCE = 'regions'
const MANY = 300 // beyond, counting each one's neighbours costs more than it shows

export function addRegions(map: MapLibre): void {
  map.addSource(SOURCE, { type: 'geojson', data: collection([], null), tolerance: 0 })
  const chosen = ['get', 'chosen'] as const
  map.addLayer({
    id: 'region',
    type: 'fill',
    source: SOURCE,
    paint: { 'fill-color': VIOLET, 'fill-antialias': false, 'fill-opacity': ['case', [...chosen], 0.26, ['*', 0.15, ['get', 'share']]] },
  })
  map.addLayer({
    id: 'region-edge',
    type: 'line',
    source: SOURCE,
    layout: { 'line-join': 'round' },
    paint: { 'line-color': VIOLET, 'line-width': 14, 'line-blur': 13, 'line-opacity': ['case', [...chosen], 0.9, ['*', 0.5, ['get', 'share']]] },
  })
}

export function drawRegions(map: MapLibre, all: Region[], chosen: string | null): void {
  map.getSource<GeoJSONSource>(SOURCE)?.setData(collection(all, chosen))
}

function collection(all: Region[], chosen: string | null): GeoJSON.FeatureCollection {
  return { type: 'FeatureCollection', features: all.map((region) => square(region, shareOf(region, all), region.key === chosen)) }
}

// Squares that lie upon each other share their tone: forty of them must not hide the land and the names beneath.
function shareOf(region: Region, all: Region[]): number {
  return 1 / Math.sqrt(Math.max(1, all.length > MANY ? all.length : all.filter((other) => overlap(region, other)).length))
}

function overlap(a: Region, b: Region): boolean {
  const [west, south, east, north] = sides(a)
  const [left, bottom, right, top] = sides(b)
  return west < right && left < east && south < top && bottom < north
}

function square(region: Region, share: number, chosen: boolean): GeoJSON.Feature {
  const [west, south, east, north] = sides(region)
  const ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
  return { type: 'Feature', properties: { chosen, share }, geometry: { type: 'Polygon', coordinates: [ring] } }
}

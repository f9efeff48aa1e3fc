// The ground: water, coastline, graticule. No borders: they are politics. No tiles, no glyphs, no network.

import type { GeoJSONSource, Map as MapLibre, StyleSpecification } from 'maplibre-gl'
import { feature } from 'topojson-client'
import type { Topology } from 'topojson-specification'
import fine from 'world-atlas/land-10m.json?url'
import coarse from 'world-atlas/land-50m.json?url'
import { flat } from './unwrap.ts'

const WATER = '#0b1220'
const LAND = '#1a2434'
const COAST = '#31435c'
const GRID = '#16223a'
const FINE_ZOOM = 5

export const style: StyleSpecification = {
  version: 8,
  sources: {
    land: { type: 'geojson', data: empty(), maxzoom: 12, tolerance: 0.25, attribution: '' },
    grid: { type: 'geojson', data: grid(10), maxzoom: 6 },
    fine: { type: 'geojson', data: grid(1), maxzoom: 8 },
  },
  layers: [
    { id: 'water', type: 'background', paint: { 'background-color': WATER } },
    { id: 'grid', type: 'line', source: 'grid', maxzoom: 6.5, paint: { 'line-color': GRID, 'line-width': 1 } },
    { id: 'fine', type: 'line', source: 'fine', minzoom: 6.5, paint: { 'line-color': GRID, 'line-width': 1 } },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': LAND, 'fill-antialias': false } },
    { id: 'coast', type: 'line', source: 'land', paint: { 'line-color': COAST, 'line-width': 1 } },
  ],
}

// The coastline: a fictional one if the source has it, else Natural Earth, the finer one once somebody looks closely.
// The features of the fictional one; none of the real one.
export async function ground(map: MapLibre, fictional: string | null): Promise<GeoJSON.Feature[]> {
  const source = map.getSource<GeoJSONSource>('land')!
  if (fictional) {
    const found = (await (await fetch(fictional)).json()) as GeoJSON.FeatureCollection | GeoJSON.Feature
    source.setData(found)
    return found.type === 'Feature' ? [found] : found.features
  }
  source.setData(await land(coarse))
  let asked = false
  const closer = async (): Promise<void> => {
    if (asked || map.getZoom() < FINE_ZOOM) return
    asked = true
    source.setData(await land(fine))
  }
  map.on('zoomend', () => void closer())
  await closer()
  return []
}

async function land(url: string): Promise<GeoJSON.GeoJSON> {
  const answer = await fetch(url)
  const world = (await answer.json()) as Topology
  return { type: 'FeatureCollection', features: flat(feature(world, world.objects['land']!)) }
}

function empty(): GeoJSON.GeoJSON {
  return { type: 'FeatureCollection', features: [] }
}

function grid(step: number): GeoJSON.GeoJSON {
  const lines: [number, number][][] = []
  for (let lon = -180; lon <= 180; lon += step) lines.push([[lon, -85], [lon, 85]])
  for (let lat = -80; lat <= 80; lat += step) lines.push([[-180, lat], [180, lat]])
  return { type: 'Feature', properties: {}, geometry: { type: 'MultiLineString', coordinates: lines } }
}

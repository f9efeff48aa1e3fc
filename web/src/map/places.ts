// Names on a fictional coastline, and the box that holds its lands. The real coastline bears no names: they are politics.

import { mercatorX, mercatorY } from '../picture/place.ts'

export interface Place {
  x: number // in the unit square
  y: number
  name: string
  nameAr: string
  town: boolean
}

type Box = [[number, number], [number, number]] // south-west, north-east; degrees

const named = (of: GeoJSON.Feature, key: string): string => (typeof of.properties?.[key] === 'string' ? of.properties[key] : '')

function rings(of: GeoJSON.Feature): GeoJSON.Position[][] {
  const shape = of.geometry
  return shape.type === 'Polygon' ? shape.coordinates : shape.type === 'MultiPolygon' ? shape.coordinates.flat() : []
}

function around(points: GeoJSON.Position[]): Box | null {
  if (!points.length) return null
  const box: Box = [[Infinity, Infinity], [-Infinity, -Infinity]]
  for (const [lon, lat] of points) {
    box[0] = [Math.min(box[0][0], lon!), Math.min(box[0][1], lat!)]
    box[1] = [Math.max(box[1][0], lon!), Math.max(box[1][1], lat!)]
  }
  return box
}

const middle = ([[west, south], [east, north]]: Box): GeoJSON.Position => [(west + east) / 2, (south + north) / 2]

// Towns where they stand, lands at their middle.
export function places(land: GeoJSON.Feature[]): Place[] {
  return land.flatMap((of) => {
    const name = named(of, 'name')
    const box = around(rings(of).flat())
    const at = of.geometry.type === 'Point' ? of.geometry.coordinates : box && middle(box)
    if (!name || !at) return []
    const town = of.geometry.type === 'Point'
    return [{ x: mercatorX(at[0]!), y: mercatorY(at[1]!), name, nameAr: named(of, 'name_ar') || name, town }]
  })
}

// Around the lands that have a name; around all where none has.
export function extent(land: GeoJSON.Feature[]): Box | null {
  const lands = land.filter((of) => rings(of).length)
  const chief = lands.filter((of) => named(of, 'name'))
  return around((chief.length ? chief : lands).flatMap((of) => rings(of).flat()))
}

// Web Mercator in the unit square, x east from the antimeridian, y south from the top.

export const EARTH_M = 6_371_008.8
export const TILE_PX = 512

export const mercatorX = (lonDeg: number): number => lonDeg / 360 + 0.5

export function mercatorY(latDeg: number): number {
  const s = Math.sin((Math.max(-85.06, Math.min(85.06, latDeg)) * Math.PI) / 180)
  return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI)
}

export const latitudeDeg = (y: number): number => (Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180) / Math.PI

// How much of the unit square a metre is at y.
export const perMetre = (y: number): number => Math.cosh(Math.PI * (1 - 2 * y)) / (2 * Math.PI * EARTH_M)

// The copy of x that lies nearest to another x: the world repeats.
export const nearest = (x: number, to: number): number => x - Math.round(x - to)

// Whose a track is, and what partners told within a square: names, tones, and squares of one cell put together.

import type { Squares } from '../wire/frame.ts'
import { KINDS } from '../wire/words.ts'
import { EARTH_M } from './place.ts'

export const OWN = 0
export const PARTNER = 1
export const FUSED = 2

export interface Partner {
  id: string
  name: string
  nameAr: string
}

export type Origin = [leader: number, places: number[], undisclosed: boolean]

// Own: only ours. Partner: a partner leads, whoever contributed. Fused: ours, and others contributed.
export function tone([leader, places, undisclosed]: Origin): number {
  if (leader) return PARTNER
  return undisclosed || places.some((place) => place !== 0) ? FUSED : OWN
}

// A row that a partner leads has no number of ours: its place and its count stand in its id (picture/stage.py).
export function foreign(trackId: string): { place: number; count: number } | null {
  const id = BigInt(trackId || '0')
  return id >> 63n ? { place: Number((id >> 42n) & 63n), count: Number(id & ((1n << 42n) - 1n)) } : null
}

export interface Region {
  key: string
  partner: number // its place
  cell: string
  lonDeg: number
  latDeg: number
  halfM: number
  epochMs: number
  untilMs: number
  kinds: [string, number][] // what, and how many of it; the most first
  n: number
}

// Several told of one cell and epoch are one square: it says how many, never where in it. The key of the newest epoch
// stays when the partner tells the same cell again, so that an open panel stays open.
export function regions(told: Squares): Region[] {
  const found = new Map<string, Region>()
  const newest = new Map<string, number>()
  const place = (i: number): string => `${told.partner[i]}/${told.cell[i]!.toString(16)}/${told.domain[i]}`
  for (let i = 0; i < told.n; i++) newest.set(place(i), Math.max(newest.get(place(i)) ?? 0, told.epochS[i]!))
  for (let i = 0; i < told.n; i++) {
    const key = told.epochS[i] === newest.get(place(i)) ? place(i) : `${place(i)}/${told.epochS[i]}`
    found.set(key, joined(found.get(key), told, i, key))
  }
  return [...found.values()].sort((a, b) => b.halfM - a.halfM)
}

function joined(known: Region | undefined, told: Squares, i: number, key: string): Region {
  const counts = new Map(known?.kinds ?? [])
  const kind = KINDS[told.kind[i]!] ?? 'unknown'
  counts.set(kind, (counts.get(kind) ?? 0) + 1)
  return {
    key,
    partner: told.partner[i]!,
    cell: told.cell[i]!.toString(16),
    lonDeg: told.lonE7[i]! * 1e-7,
    latDeg: told.latE7[i]! * 1e-7,
    halfM: Math.max(told.halfM[i]!, known?.halfM ?? 0),
    epochMs: told.epochS[i]! * 1000,
    untilMs: Math.max(told.untilS[i]! * 1000, known?.untilMs ?? 0),
    kinds: [...counts].sort((a, b) => b[1] - a[1]),
    n: (known?.n ?? 0) + 1,
  }
}

// West, south, east, north in degrees.
export function sides({ lonDeg, latDeg, halfM }: Pick<Region, 'lonDeg' | 'latDeg' | 'halfM'>): [number, number, number, number] {
  const up = (halfM / EARTH_M) * (180 / Math.PI)
  const along = Math.min(180, up / Math.max(Math.cos((latDeg * Math.PI) / 180), 1e-3))
  return [lonDeg - along, Math.max(-85, latDeg - up), lonDeg + along, Math.min(85, latDeg + up)]
}

// The smallest square that holds a place.
export function regionAt(all: Region[], lonDeg: number, latDeg: number): Region | null {
  const holds = (region: Region): boolean => {
    const [west, south, east, north] = sides(region)
    const lon = lonDeg + 360 * Math.round((region.lonDeg - lonDeg) / 360)
    return lon >= west && lon <= east && latDeg >= south && latDeg <= north
  }
  return all.filter(holds).reduce<Region | null>((least, one) => (least && least.halfM <= one.halfM ? least : one), null)
}

// The map: MapLibre underneath, our symbols and labels on it, moving at a pace that the machine can bear.

import { Map as MapLibre, ScaleControl, setWorkerUrl } from 'maplibre-gl'
import worker from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url'
import 'maplibre-gl/dist/maplibre-gl.css'
import { desk } from '../picture/desk.svelte.ts'
import { eyes } from '../picture/eyes.svelte.ts'
import { latitudeDeg, mercatorX, mercatorY, nearest } from '../picture/place.ts'
import { trails } from '../picture/reads.ts'
import { regionAt } from '../picture/shares.ts'
import { ground, style } from './base.ts'
import { addCoverage, drawCoverage } from './coverage.ts'
import { Overlay } from './overlay.ts'
import { extent, places } from './places.ts'
import { addGiven, drawGiven, givenAt } from './given.ts'
import { addRegions, drawRegions } from './regions.ts'
import { Symbols } from './symbols.ts'

const DUTY = 3 // a frame may cost a third of the time between frames
const FASTEST_MS = 50
const SLOWEST_MS = 500
const OPENING = { top: 20, bottom: 78, left: 20, right: 20 } // pixels; a caption stands at the bottom
export const MOST_TRAILS = 1000

setWorkerUrl(worker)

export function supported(): boolean {
  return document.createElement('canvas').getContext('webgl2') !== null
}

export class View {
  readonly map: MapLibre
  private readonly symbols: Symbols
  private readonly overlay: Overlay
  private timer = 0
  private costMs = 10
  private fitted: boolean
  private lines: Record<string, number[]> = {}
  private seek: boolean

  constructor(box: HTMLElement, above: HTMLCanvasElement) {
    const from = desk.place
    const centre = desk.config?.centre
    this.fitted = Boolean(from ?? centre)
    this.seek = desk.selected !== null && !from
    this.map = new MapLibre({
      container: box,
      style,
      center: from ? [from.lon, from.lat] : centre ? [centre.lon, centre.lat] : [0, 20],
      zoom: from?.zoom ?? centre?.zoom ?? 1.5,
      maxZoom: 17,
      maxPitch: 0,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      attributionControl: false,
      fadeDuration: 0,
      refreshExpiredTiles: false,
    })
    this.map.touchZoomRotate.disableRotation()
    this.map.keyboard.disableRotation()
    this.map.addControl(new ScaleControl({ unit: 'nautical', maxWidth: 110 }), 'bottom-left')
    this.symbols = new Symbols(desk.picture)
    this.overlay = new Overlay(above, this.map)
    this.listen()
  }

  private listen(): void {
    const { map } = this
    map.on('style.load', () => {
      addCoverage(map)
      addRegions(map)
      map.addLayer(this.symbols)
      addGiven(map)
      void this.open(desk.config?.land ?? null)
      this.frame()
      this.squares()
      this.cover()
    })
    map.on('render', () => {
      this.overlay.draw()
      if (this.symbols.painted > 0) document.documentElement.dataset['ready'] = '1'
    })
    map.on('moveend', () => {
      const centre = map.getCenter().wrap()
      desk.place = { zoom: map.getZoom(), lat: centre.lat, lon: centre.lng }
      desk.remember()
      this.frame()
      if (desk.trails) void this.askTrails()
    })
    map.on('click', (at) => {
      if (eyes.partner) return void (eyes.chosen = givenAt(map, at.point))
      const row = this.overlay.pick(at.point.x, at.point.y)
      this.choose(row)
      if (row < 0) desk.selectRegion(regionAt(desk.regions, at.lngLat.lng, at.lngLat.lat)?.key ?? null)
    })
    map.on('mousemove', (at) => {
      if (eyes.partner) return void (map.getCanvas().style.cursor = givenAt(map, at.point) ? 'pointer' : '')
      const there = this.overlay.pick(at.point.x, at.point.y) >= 0 || regionAt(desk.regions, at.lngLat.lng, at.lngLat.lat)
      map.getCanvas().style.cursor = there ? 'pointer' : ''
    })
    this.pace()
  }

  // A fictional sea opens on all its lands, and with their names.
  private async open(land: string | null): Promise<void> {
    const found = await ground(this.map, land)
    this.overlay.places = places(found)
    const box = extent(found)
    if (box && !desk.place && !this.seek) this.map.fitBounds(box, { padding: OPENING, animate: false })
    this.map.triggerRepaint()
  }

  private choose(row: number): void {
    const slot = desk.picture.frame?.slot[row]
    desk.select(slot === undefined ? null : (desk.picture.labels.get(slot)?.trackId ?? null))
    this.frame()
  }

  // Draws on at a pace that leaves two thirds of the time to others; not at all while nobody looks.
  private pace(): void {
    const begun = performance.now()
    const moving = desk.connected && !document.hidden && desk.speed > 0
    if (moving) {
      this.map.triggerRepaint()
      this.map.once('render', () => requestAnimationFrame(() => this.spent(performance.now() - begun)))
    }
    const calm = matchMedia('(prefers-reduced-motion: reduce)').matches
    const wait = calm ? 1000 : Math.min(SLOWEST_MS, Math.max(FASTEST_MS, this.costMs * DUTY))
    this.timer = window.setTimeout(() => this.pace(), wait)
  }

  private spent(ms: number): void {
    this.costMs += (Math.min(ms, 400) - this.costMs) * 0.2
  }

  // A new frame of the picture, or a new selection.
  frame(): void {
    if (!this.map.getLayer('tracks')) return
    this.symbols.fill(this.overlay.chosen())
    if (!this.fitted && (desk.picture.frame?.n ?? 0) > 0) this.fit(false)
    if (this.seek) this.toSelected()
    this.map.triggerRepaint()
  }

  // Partners told of other squares, or one was chosen.
  squares(): void {
    if (this.map.getLayer('tracks')) drawRegions(this.map, desk.regions, desk.regionKey)
  }

  // The map through a partner's eyes, or one's own again.
  given(): void {
    if (!this.map.getLayer('tracks')) return
    drawGiven(this.map, eyes.partner ? (eyes.given?.features ?? []) : null, eyes.chosen)
    this.map.triggerRepaint()
  }

  // Another layer of coverage, or none.
  cover(): void {
    if (this.map.getLayer('tracks')) drawCoverage(this.map)
  }

  async askTrails(): Promise<void> {
    const found = desk.trails ? await trails(this.box()) : null
    this.lines = found?.lines ?? {}
    desk.trailsCut = found !== null && found.total > MOST_TRAILS
    this.drawTrails()
  }

  private box(): { west: number; south: number; east: number; north: number } {
    const seen = this.map.getBounds()
    const whole = seen.getEast() - seen.getWest() >= 360
    return {
      west: whole ? -180 : wrapped(seen.getWest()),
      south: seen.getSouth(),
      east: whole ? 180 : wrapped(seen.getEast()),
      north: seen.getNorth(),
    }
  }

  drawTrails(): void {
    if (!this.map.getLayer('tracks')) return
    const found: Float64Array[] = []
    for (const label of desk.picture.labels.values()) {
      const line = desk.trails ? this.lines[label.trackId] : undefined
      const row = desk.picture.row(label.slot)
      if (line && row >= 0 && found.length < MOST_TRAILS) found.push(this.trail(line, row))
    }
    this.symbols.trails(found)
    this.map.triggerRepaint()
  }

  private trail(line: number[], row: number): Float64Array {
    const made = new Float64Array(line.length + 2)
    for (let i = 0; i < line.length; i += 2) {
      made[i] = mercatorX(line[i]!)
      made[i + 1] = mercatorY(line[i + 1]!)
    }
    made[line.length] = desk.picture.x[row]!
    made[line.length + 1] = desk.picture.y[row]!
    for (let i = made.length - 4; i >= 0; i -= 2) made[i] = nearest(made[i]!, made[i + 2]!)
    return made
  }

  // Shows all tracks: the middle nine tenths of them, so that one stray does not shrink the rest to a point.
  fit(animate = true): void {
    const { picture } = desk
    const n = picture.frame?.n ?? 0
    if (!n) return
    this.fitted = true
    const x0 = picture.x[0]!
    const trim = n > 40 ? 0.02 : 0
    const [west, east] = span(Array.from({ length: n }, (_, i) => nearest(picture.x[i]!, x0)), trim)
    const [north, south] = span(Array.from(picture.y.subarray(0, n)), trim)
    const box: [[number, number], [number, number]] = [
      [(west - 0.5) * 360, latitudeDeg(south)],
      [(east - 0.5) * 360, latitudeDeg(north)],
    ]
    this.map.fitBounds(box, { padding: 60, maxZoom: 11, animate })
  }

  // An address that names a track but no place opens on the track.
  private toSelected(): void {
    const row = this.overlay.chosen()
    if (row < 0) return
    this.seek = false
    this.map.jumpTo({ center: [(desk.picture.x[row]! - 0.5) * 360, latitudeDeg(desk.picture.y[row]!)], zoom: 9 })
  }

  // After the panels have taken their place: an easing aims at the middle that the map had when it began.
  go(lon: number, lat: number): void {
    requestAnimationFrame(() => {
      this.map.resize()
      this.map.easeTo({ center: [lon, lat], zoom: Math.max(this.map.getZoom(), 8) })
    })
  }

  zoom(by: number): void {
    this.map.easeTo({ zoom: this.map.getZoom() + by, duration: 200 })
  }

  end(): void {
    clearTimeout(this.timer)
    this.map.remove()
  }
}

const wrapped = (lon: number): number => ((((lon + 180) % 360) + 360) % 360) - 180

function span(values: number[], trim: number): [number, number] {
  const sorted = values.sort((a, b) => a - b)
  const cut = Math.floor(sorted.length * trim)
  return [sorted[cut]!, sorted[sorted.length - 1 - cut]!]
}

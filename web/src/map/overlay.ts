// What stands above the symbols, drawn in step with them on a plain canvas: labels, and the selected track's trail
// and uncertainty.

import type { Map as MapLibre } from 'maplibre-gl'
import { attention } from '../wire/frame.ts'
import { desk } from '../picture/desk.svelte.ts'
import { eyes } from '../picture/eyes.svelte.ts'
import { sides, type Region } from '../picture/shares.ts'
import { TILE_PX, mercatorX, mercatorY, nearest, perMetre } from '../picture/place.ts'
import { words } from '../picture/words.svelte.ts'
import { reason } from '../wire/words.ts'
import type { Place } from './places.ts'

const FONT = '"IBM Plex Sans", "IBM Plex Sans Arabic", sans-serif'
const NAMES_ZOOM = 4.5
const MOST_LABELS = 200
const LABEL_H = 15
const COLOURS = ['#c7d3e3', '#f0e442', '#ff7a45']
const CHOSEN = '#56b4e9'
const SIGNS = ['', '◆ ', '▲ ']

const said = (region: Region): string => {
  const [kind, n] = region.kinds[0]!
  const what = region.kinds.length > 1 || kind === 'unknown' ? words.n('region.some', region.n) : n > 1 ? `${n} × ${words.word('kind', kind)}` : words.word('kind', kind)
  return `\u2068${what}\u2069 · \u2068${desk.partner(region.partner)}\u2069`
}

interface Camera {
  x: number
  y: number
  scale: number
  width: number
  height: number
}

export class Overlay {
  private readonly context: CanvasRenderingContext2D
  places: Place[] = []
  private taken: [number, number, number][] = [] // left, middle, right of each label
  private px = new Float32Array(0)
  private py = new Float32Array(0)

  private readonly canvas: HTMLCanvasElement
  private readonly map: MapLibre

  constructor(canvas: HTMLCanvasElement, map: MapLibre) {
    this.canvas = canvas
    this.map = map
    this.context = canvas.getContext('2d')!
  }

  draw(): void {
    const camera = this.camera()
    const c = this.context
    const ratio = devicePixelRatio
    if (this.canvas.width !== camera.width * ratio || this.canvas.height !== camera.height * ratio) {
      this.canvas.width = camera.width * ratio
      this.canvas.height = camera.height * ratio
    }
    c.setTransform(ratio, 0, 0, ratio, 0, 0)
    c.clearRect(0, 0, camera.width, camera.height)
    this.taken = []
    this.names(camera)
    if (eyes.partner) return
    this.squares(camera)
    if (!desk.picture.frame) return
    this.project(camera, desk.picture.ahead(performance.now()))
    const chosen = this.chosen()
    if (chosen >= 0) this.selected(camera, chosen)
    this.labels(camera, chosen)
  }

  // The row under a point of the screen, at most `reach` pixels away; -1 for none. Pressing tracks are easier to hit.
  pick(px: number, py: number, reach = 16): number {
    const { picture } = desk
    const camera = this.camera()
    this.project(camera, picture.ahead(performance.now()))
    let best = -1
    let least = reach * reach
    for (let i = 0; i < (picture.frame?.n ?? 0); i++) {
      const [dx, dy] = [this.px[i]! - px, this.py[i]! - py]
      const distance = dx * dx + dy * dy - (attention(picture.frame!.state[i]!) ? 16 : 0)
      if (distance < least) [best, least] = [i, distance]
    }
    return best
  }

  // Where every track stands on the screen.
  private project(camera: Camera, ahead: number): void {
    const { picture } = desk
    const n = picture.frame?.n ?? 0
    if (this.px.length < n) [this.px, this.py] = [new Float32Array(n * 2), new Float32Array(n * 2)]
    for (let i = 0; i < n; i++) {
      const x = picture.x[i]! + picture.vx[i]! * ahead - camera.x
      this.px[i] = (x - Math.round(x)) * camera.scale + camera.width / 2
      this.py[i] = (picture.y[i]! + picture.vy[i]! * ahead - camera.y) * camera.scale + camera.height / 2
    }
  }

  chosen(): number {
    return desk.selected ? desk.picture.row(desk.picture.slotOf(desk.selected)) : -1
  }

  private camera(): Camera {
    const { map } = this
    const centre = map.getCenter()
    const canvas = map.getCanvas()
    return {
      x: mercatorX(centre.lng),
      y: mercatorY(centre.lat),
      scale: TILE_PX * 2 ** map.getZoom(),
      width: canvas.clientWidth,
      height: canvas.clientHeight,
    }
  }

  private screen(camera: Camera, x: number, y: number): [number, number] {
    return [(nearest(x, camera.x) - camera.x) * camera.scale + camera.width / 2, (y - camera.y) * camera.scale + camera.height / 2]
  }

  private selected(camera: Camera, i: number): void {
    const found = desk.details?.properties
    if (!found || found.track_id !== desk.selected) return
    const c = this.context
    const [px, py] = [this.px[i]!, this.py[i]!]
    c.strokeStyle = CHOSEN
    c.lineJoin = 'round'
    c.lineWidth = 2
    c.globalAlpha = 0.8
    c.beginPath()
    for (const [lon, lat] of found.trail) c.lineTo(...this.screen(camera, mercatorX(lon), mercatorY(lat)))
    if (found.trail.length) c.lineTo(px, py)
    c.stroke()
    const metre = perMetre(desk.picture.y[i]!) * camera.scale
    if (found.semi_major_m !== null) this.ellipse(px, py, found.semi_major_m * metre, found.semi_minor_m! * metre, found.ellipse_bearing_deg!)
    c.globalAlpha = 1
  }

  private ellipse(px: number, py: number, major: number, minor: number, bearingDeg: number): void {
    const c = this.context
    c.lineWidth = 1.5
    c.setLineDash([5, 4])
    c.beginPath()
    c.ellipse(px, py, Math.min(major, 20_000), Math.min(minor, 20_000), ((bearingDeg - 90) * Math.PI) / 180, 0, Math.PI * 2)
    c.fillStyle = 'rgb(86 180 233 / 12%)'
    c.fill()
    c.stroke()
    c.setLineDash([])
  }

  // Lands faint and wide, towns beside their mark.
  private names(camera: Camera): void {
    const c = this.context
    if (!this.places.length || camera.scale < TILE_PX * 2 ** NAMES_ZOOM) return
    c.save()
    c.textBaseline = 'middle'
    c.lineJoin = 'round'
    for (const place of this.places) {
      const [x, y] = this.screen(camera, place.x, place.y)
      const name = words.rtl ? place.nameAr : place.name
      if (place.town) this.town(name, x, y)
      else this.land(name, x, y)
    }
    c.restore()
  }

  private land(name: string, x: number, y: number): void {
    const c = this.context
    c.font = `600 17px ${FONT}`
    c.letterSpacing = words.rtl ? '0px' : '5px'
    c.textAlign = 'center'
    c.fillStyle = '#46587a'
    c.fillText(words.rtl ? name : name.toUpperCase(), x, y)
    c.letterSpacing = '0px'
  }

  private town(name: string, x: number, y: number): void {
    const c = this.context
    c.font = `12px ${FONT}`
    c.textAlign = 'left'
    c.fillStyle = '#8fa3c2'
    c.fillRect(x - 2.5, y - 2.5, 5, 5)
    this.write(name, x + 7, y, '#8fa3c2', 1)
    this.taken.push([x - 3, y, x + 7 + c.measureText(name).width])
  }

  // What a square says stands along its northern side, never at a place within.
  private squares(camera: Camera): void {
    const c = this.context
    c.save()
    c.font = `12px ${FONT}`
    c.textBaseline = 'middle'
    c.textAlign = 'center'
    c.lineJoin = 'round'
    for (const region of desk.regions.slice(0, MOST_LABELS)) {
      const [west, , east, north] = sides(region)
      const [left, top] = this.screen(camera, mercatorX(west), mercatorY(north))
      const wide = (mercatorX(east) - mercatorX(west)) * camera.scale
      const text = said(region)
      const [x, half] = [left + wide / 2, c.measureText(text).width / 2]
      if (wide < half * 2 + 12 || !this.free(x - half, top + 13, x + half)) continue
      this.taken.push([x - half, top + 13, x + half])
      this.write(text, x, top + 13, '#cdb4ff', 1)
    }
    c.restore()
  }

  // Selected and pressing tracks first, then the others while there is room and fewer than MOST_LABELS.
  private labels(camera: Camera, chosen: number): void {
    const { frame } = desk.picture
    const seen: number[][] = [[], [], [], []]
    for (let i = 0; i < frame!.n; i++) {
      const [x, y] = [this.px[i]!, this.py[i]!]
      if (x <= -40 || y <= 0 || x >= camera.width || y >= camera.height) continue
      const rank = i === chosen ? 0 : 3 - attention(frame!.state[i]!)
      if (seen[rank]!.length <= MOST_LABELS) seen[rank]!.push(i)
    }
    const pressing = [...seen[0]!, ...seen[1]!, ...seen[2]!]
    const ordinary = seen[3]!.length + pressing.length <= MOST_LABELS ? seen[3]! : []
    this.context.font = `12px ${FONT}`
    this.context.textBaseline = 'middle'
    this.context.textAlign = 'left'
    this.context.lineJoin = 'round'
    for (const i of [...pressing, ...ordinary].slice(0, MOST_LABELS)) this.label(i, i === chosen)
  }

  private label(i: number, chosen: boolean): void {
    const { picture } = desk
    const found = picture.labels.get(picture.frame!.slot[i]!)
    if (!found) return
    const level = attention(picture.frame!.state[i]!)
    const why = level === 2 ? reason(found.flags, picture.frame!.kind[i]!) : 'look'
    const name = `\u2068${desk.call(found)}\u2069`
    const text = SIGNS[level] + name + (why === 'look' ? '' : ` · ${words.word('flag', why)}`)
    const [left, y] = [this.px[i]! + (level === 2 || chosen ? 23 : 16), this.py[i]!]
    const right = left + this.context.measureText(text).width
    if (!chosen && level < 2 && !this.free(left, y, right)) return
    this.taken.push([left, y, right])
    if (level === 2) this.plate(left, y, right)
    this.write(text, left, y, chosen ? CHOSEN : COLOURS[level]!, chosen || level ? 1 : picture.freshness(i) * 0.8)
  }

  // An emergency is read across the room, whatever lies beneath it.
  private plate(left: number, y: number, right: number): void {
    const c = this.context
    c.beginPath()
    c.roundRect(left - 5, y - 11, right - left + 10, 22, 5)
    c.fillStyle = 'rgb(40 16 8 / 92%)'
    c.fill()
    c.strokeStyle = COLOURS[2]!
    c.lineWidth = 1.2
    c.stroke()
  }

  private free(left: number, y: number, right: number): boolean {
    return this.taken.every(([l, other, r]) => right < l || left > r || Math.abs(y - other) > LABEL_H)
  }

  private write(text: string, x: number, y: number, colour: string, alpha: number): void {
    const c = this.context
    c.direction = words.rtl ? 'rtl' : 'ltr'
    c.globalAlpha = alpha
    c.strokeStyle = 'rgb(8 13 23 / 85%)'
    c.lineWidth = 3
    c.strokeText(text, x, y)
    c.fillStyle = colour
    c.fillText(text, x, y)
    c.globalAlpha = 1
  }
}

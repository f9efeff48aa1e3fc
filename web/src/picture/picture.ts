// The picture in the browser: the columns of the last frame, and where each symbol stands at a moment.

import { UNKNOWN, attention, domain, life, type Frame, type Label } from '../wire/frame.ts'
import { EARTH_M, nearest } from './place.ts'
import { OWN, tone, type Origin } from './shares.ts'

const RADIANS_E7 = Math.PI / 180e7
const TURNS_E7 = 1 / 360e7
const QUARTER_OF_PI = 1 / (4 * Math.PI)
const MOST_SINE = Math.sin((85.06 * Math.PI) / 180)
const SQUARES = 0.1 / (2 * Math.PI * EARTH_M) // unit squares at the equator in a tenth of a metre
const SINES = Float64Array.from({ length: 4501 }, (_, tenth) => Math.sin((tenth * Math.PI) / 1800)) // and cosines, 90° on

const AHEAD_S = 3 // real seconds that symbols go on without a new frame; then they stand still, and say so
const FADE_S = [60, 30, 240, 60] // by domain: from here on a symbol pales, and at four times it is palest

export class Picture {
  frame: Frame | null = null
  labels = new Map<number, Label>()
  private slots = new Map<string, number>() // track id -> slot
  x = new Float64Array(0)
  y = new Float64Array(0)
  vx = new Float64Array(0) // unit squares per second of node time
  vy = new Float64Array(0)
  speed = 1
  readonly tones = new Uint8Array(256) // origin -> own, a partner's, fused
  private receivedMs = 0
  private found: Map<number, number> | null = null

  take(frame: Frame, receivedMs: number): void {
    this.frame = frame
    this.receivedMs = receivedMs
    const { n } = frame
    if (this.x.length < n) {
      const room = Math.ceil(n * 1.25)
      for (const key of ['x', 'y', 'vx', 'vy'] as const) this[key] = new Float64Array(room)
    }
    this.found = null
    this.place(frame)
    if (this.labels.size > n * 2 + 1000) this.forget()
  }

  // One loop, no calls: this runs for every track of every frame. On the Mercator square a metre grows as 1 / cos
  // latitude.
  private place(frame: Frame): void {
    const { x, y, vx, vy } = this
    const { lonE7, latE7, course, speed, n } = frame
    for (let i = 0; i < n; i++) {
      const s = Math.max(-MOST_SINE, Math.min(MOST_SINE, Math.sin(latE7[i]! * RADIANS_E7)))
      x[i] = lonE7[i]! * TURNS_E7 + 0.5
      y[i] = 0.5 - Math.log((1 + s) / (1 - s)) * QUARTER_OF_PI
      const moves = speed[i] !== UNKNOWN && course[i] !== UNKNOWN
      const step = moves ? (speed[i]! * SQUARES) / Math.sqrt(1 - s * s) : 0
      const tenth = moves ? (course[i]! / 10 + 0.5) | 0 : 0
      vx[i] = step * SINES[tenth]!
      vy[i] = -step * SINES[tenth + 900]!
    }
  }

  private forget(): void {
    for (const label of this.labels.values()) {
      if (this.rows().has(label.slot)) continue
      this.labels.delete(label.slot)
      this.slots.delete(label.trackId)
    }
  }

  learn(label: Label): void {
    this.labels.set(label.slot, label)
    this.slots.set(label.trackId, label.slot)
  }

  unlearn(): void {
    this.labels.clear()
    this.slots.clear()
  }

  // Node seconds since the frame, at most a few real seconds' worth.
  ahead(clockMs: number): number {
    return Math.max(0, Math.min(AHEAD_S, (clockMs - this.receivedMs) / 1000)) * this.speed
  }

  nowMs(clockMs: number): number {
    return (this.frame?.nowMs ?? 0) + this.ahead(clockMs) * 1000
  }

  // Where row i stands, as the copy of the world nearest to x.
  at(i: number, aheadS: number, toX: number): [number, number] {
    return [nearest(this.x[i]! + this.vx[i]! * aheadS, toX), this.y[i]! + this.vy[i]! * aheadS]
  }

  // What the bytes of the next frame's origins mean.
  share(origins: Origin[]): void {
    this.tones.fill(OWN)
    origins.forEach((origin, i) => (this.tones[i] = tone(origin)))
  }

  tone(i: number): number {
    const { origin } = this.frame!
    return origin ? this.tones[origin[i]!]! : OWN
  }

  // 1 fresh .. 0.3 long silent.
  freshness(i: number): number {
    const { age, state } = this.frame!
    const fade = FADE_S[domain(state[i]!)]!
    const seconds = age[i]! * 0.1
    return seconds <= fade ? 1 : Math.max(0.3, 1 - (seconds - fade) / (fade * 3))
  }

  // Rows that need somebody, most pressing first; at most `most`.
  pressing(most: number): number[] {
    const state = this.frame?.state
    if (!state) return []
    const found: number[] = []
    for (let i = 0; i < state.length; i++) if (attention(state[i]!) && life(state[i]!) !== 4) found.push(i)
    found.sort((a, b) => attention(state[b]!) - attention(state[a]!) || this.frame!.slot[a]! - this.frame!.slot[b]!)
    return found.slice(0, most)
  }

  row(slot: number | null): number {
    return slot === null ? -1 : (this.rows().get(slot) ?? -1)
  }

  // Slot -> row of the frame; made when first asked for.
  private rows(): Map<number, number> {
    this.found ??= new Map(Array.from(this.frame?.slot ?? [], (slot, row) => [slot, row]))
    return this.found
  }

  slotOf(trackId: string): number | null {
    return this.slots.get(trackId) ?? null
  }
}

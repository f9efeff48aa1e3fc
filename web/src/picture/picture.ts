// The picture in the browser: the columns of the last frame, and where each symbol stands at a moment.

import { UNKNOWN, attention, domain, life, type Frame, type Label } from '../wire/frame.ts'
import { mercatorX, mercatorY, nearest, perMetre } from './place.ts'

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
    for (let i = 0; i < n; i++) this.place(frame, i)
    if (this.labels.size > n * 2 + 1000) this.forget()
  }

  private place(frame: Frame, i: number): void {
    const y = mercatorY(frame.latE7[i]! * 1e-7)
    this.x[i] = mercatorX(frame.lonE7[i]! * 1e-7)
    this.y[i] = y
    const moves = frame.speed[i] !== UNKNOWN && frame.course[i] !== UNKNOWN
    const step = moves ? frame.speed[i]! * 0.1 * perMetre(y) : 0
    const course = (frame.course[i]! * Math.PI) / 18000
    this.vx[i] = step * Math.sin(course)
    this.vy[i] = -step * Math.cos(course)
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

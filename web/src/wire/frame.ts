// Decodes the desk's binary frames. docs/spec/desk-wire.md is the specification; frame.test.ts holds its vector.

export const UNKNOWN = 0xffff
const HEADER_BYTES = 32
const VERSION = 1

export interface Frame {
  n: number
  view: number
  sequence: number
  nowMs: number // node time, UTC
  slot: Uint32Array
  lonE7: Int32Array
  latE7: Int32Array
  course: Uint16Array // 0.01 degree, UNKNOWN for none
  speed: Uint16Array // 0.1 m/s, UNKNOWN for none
  age: Uint16Array // 0.1 s, UNKNOWN for more
  kind: Uint8Array
  state: Uint8Array
}

// The columns are views into the buffer: nothing is copied. Anything that is not a whole frame of our version: null.
export function decode(buffer: ArrayBuffer): Frame | null {
  if (buffer.byteLength < HEADER_BYTES) return null
  const head = new DataView(buffer)
  if (head.getUint32(0, true) !== 0x56524e4d || head.getUint16(4, true) !== VERSION) return null
  const n = head.getUint32(8, true)
  const wide = n * 4
  const half = (n * 2 + 3) & ~3
  const byte = (n + 3) & ~3
  if (buffer.byteLength !== HEADER_BYTES + 3 * wide + 3 * half + 2 * byte) return null
  let at = HEADER_BYTES
  const next = (bytes: number): number => (at += bytes) - bytes
  return {
    n,
    view: head.getUint32(12, true),
    sequence: Number(head.getBigUint64(16, true)),
    nowMs: Number(head.getBigInt64(24, true) / 1_000_000n),
    slot: new Uint32Array(buffer, next(wide), n),
    lonE7: new Int32Array(buffer, next(wide), n),
    latE7: new Int32Array(buffer, next(wide), n),
    course: new Uint16Array(buffer, next(half), n),
    speed: new Uint16Array(buffer, next(half), n),
    age: new Uint16Array(buffer, next(half), n),
    kind: new Uint8Array(buffer, next(byte), n),
    state: new Uint8Array(buffer, next(byte), n),
  }
}

export const life = (state: number): number => (state & 3) + 1
export const attention = (state: number): number => (state >> 2) & 3
export const domain = (state: number): number => (state >> 4) & 3
export const onGround = (state: number): boolean => (state & 64) !== 0

export interface Label {
  slot: number
  trackId: string
  number: number
  identity: string
  name: string
  callsign: string
  flags: number
}

export type Told =
  | { type: 'hello'; version: number; title: string; title_ar: string; mode: string; speed: number }
  | { type: 'labels'; rows: [number, string, number, string, string, string, number][] }

export const label = (row: [number, string, number, string, string, string, number]): Label => ({
  slot: row[0],
  trackId: row[1],
  number: row[2],
  identity: row[3],
  name: row[4],
  callsign: row[5],
  flags: row[6],
})

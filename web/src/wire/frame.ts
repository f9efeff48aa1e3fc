// Decodes the desk's binary frames. docs/spec/desk-wire.md is the specification; frame.test.ts holds its vector.

export const UNKNOWN = 0xffff
const HEADER_BYTES = 32
const PICTURE = 0x56524e4d // MNRV
const SQUARES = 0x52524e4d // MNRR
const WITH_ORIGINS = 2
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
  origin: Uint8Array | null // which of the origins that were told last; null where the node shares with nobody
}

// Squares in which partners say that something is.
export interface Squares {
  n: number
  nowMs: number
  track: BigUint64Array // the partner's number for it
  cell: BigUint64Array
  lonE7: Int32Array // of the centre
  latE7: Int32Array
  halfM: Uint32Array
  epochS: Uint32Array // since 1970
  untilS: Uint32Array
  partner: Uint8Array // its place
  kind: Uint8Array
  domain: Uint8Array
}

// The columns are views into the buffer: nothing is copied. Anything that is not a whole frame of our version: null.
export function decode(buffer: ArrayBuffer): Frame | null {
  if (buffer.byteLength < HEADER_BYTES) return null
  const head = new DataView(buffer)
  if (head.getUint32(0, true) !== PICTURE || head.getUint16(4, true) !== VERSION) return null
  const shares = (head.getUint16(6, true) & WITH_ORIGINS) !== 0
  const n = head.getUint32(8, true)
  const wide = n * 4
  const half = (n * 2 + 3) & ~3
  const byte = (n + 3) & ~3
  if (buffer.byteLength !== HEADER_BYTES + 3 * wide + 3 * half + (shares ? 3 : 2) * byte) return null
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
    origin: shares ? new Uint8Array(buffer, next(byte), n) : null,
  }
}

export function squares(buffer: ArrayBuffer): Squares | null {
  if (buffer.byteLength < HEADER_BYTES) return null
  const head = new DataView(buffer)
  if (head.getUint32(0, true) !== SQUARES || head.getUint16(4, true) !== VERSION) return null
  const n = head.getUint32(8, true)
  const byte = (n + 3) & ~3
  if (buffer.byteLength !== HEADER_BYTES + n * 36 + 3 * byte) return null
  let at = HEADER_BYTES
  const next = (bytes: number): number => (at += bytes) - bytes
  return {
    n,
    nowMs: Number(head.getBigInt64(24, true) / 1_000_000n),
    track: new BigUint64Array(buffer, next(n * 8), n),
    cell: new BigUint64Array(buffer, next(n * 8), n),
    lonE7: new Int32Array(buffer, next(n * 4), n),
    latE7: new Int32Array(buffer, next(n * 4), n),
    halfM: new Uint32Array(buffer, next(n * 4), n),
    epochS: new Uint32Array(buffer, next(n * 4), n),
    untilS: new Uint32Array(buffer, next(n * 4), n),
    partner: new Uint8Array(buffer, next(byte), n),
    kind: new Uint8Array(buffer, next(byte), n),
    domain: new Uint8Array(buffer, next(byte), n),
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
  | { type: 'partners'; partners: [string, string, string][]; origins: [number, number[], boolean][] }
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

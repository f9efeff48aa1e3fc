// One MapLibre custom layer draws all tracks: instanced symbols, dead-reckoned in the shader, and their trails.

import type { CustomLayerInterface, Map as MapLibre } from 'maplibre-gl'
import { UNKNOWN, attention, domain, life } from '../wire/frame.ts'
import type { Picture } from '../picture/picture.ts'
import { TILE_PX, mercatorX, mercatorY, nearest } from '../picture/place.ts'
import { LINE_FRAGMENT, LINE_VERTEX, SYMBOL_FRAGMENT, SYMBOL_VERTEX, program } from './gl.ts'
import { FUSED } from '../picture/shares.ts'
import { ALARM, DOTS, RING, atlas, drawn } from './shapes.ts'

const STRIDE = 32 // bytes an instance: x, y, vx, vy, direction, radius, cell (float32), colour (4 bytes)
const MANY = 400 // and more than this somewhat smaller
const CROWD = 2000 // more symbols in view than this are drawn small
const COLOURS = [0xe3d3c7, 0x42e4f0, 0x457aff] // blue green red of ordinary, worth a look, pressing
const CHOSEN = 0xe9b456
const VIOLET = 0xff8cb5 // what a partner leads
const TONES = [COLOURS[0]!, VIOLET, COLOURS[0]!] // own, a partner's, fused: ours, with a violet ring
const DOT_TONES = [COLOURS[0]!, VIOLET, 0xf1b0be] // a dot has no ring
const TENTATIVE = 0.75
const LEAST = 0.45
const DOT_PX = 7
const FRESH_TENTHS = 300 // nothing pales before it

interface Program {
  id: WebGLProgram
  at: Record<string, WebGLUniformLocation | null>
}

export class Symbols implements CustomLayerInterface {
  readonly id = 'tracks'
  readonly type = 'custom' as const
  readonly renderingMode = '2d' as const
  painted = 0
  private map!: MapLibre
  private gl!: WebGL2RenderingContext
  private symbols!: Program
  private lines!: Program
  private symbolArray!: WebGLVertexArrayObject
  private lineArray!: WebGLVertexArrayObject
  private instances!: WebGLBuffer
  private vertices!: WebGLBuffer
  private texture!: WebGLTexture
  private bytes = new ArrayBuffer(0)
  private n = 0
  private points = 0
  private calm = 1
  private originX = 0
  private originY = 0
  private lineX = 0
  private lineY = 0
  private readonly picture: Picture

  constructor(picture: Picture) {
    this.picture = picture
  }

  onAdd(map: MapLibre, gl: WebGLRenderingContext | WebGL2RenderingContext): void {
    this.map = map
    this.gl = gl as WebGL2RenderingContext
    this.symbols = this.made(SYMBOL_VERTEX, SYMBOL_FRAGMENT, ['u_offset', 'u_scale', 'u_ahead', 'u_size', 'u_cells', 'u_atlas'])
    this.lines = this.made(LINE_VERTEX, LINE_FRAGMENT, ['u_offset', 'u_scale', 'u_size'])
    this.prepareSymbols()
    this.prepareLines()
  }

  onRemove(): void {
    const { gl } = this
    for (const { id } of [this.symbols, this.lines]) gl.deleteProgram(id)
    for (const buffer of [this.instances, this.vertices]) gl.deleteBuffer(buffer)
    gl.deleteTexture(this.texture)
  }

  private made(vertex: string, fragment: string, uniforms: string[]): Program {
    const id = program(this.gl, vertex, fragment)
    return { id, at: Object.fromEntries(uniforms.map((name) => [name, this.gl.getUniformLocation(id, name)])) }
  }

  private prepareSymbols(): void {
    const { gl } = this
    this.symbolArray = gl.createVertexArray()
    gl.bindVertexArray(this.symbolArray)
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer())
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 1, -1, -1, 1, 1, 1]), gl.STATIC_DRAW)
    this.attribute(this.symbols, 'a_corner', 2, 8, 0, 0)
    this.instances = gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances)
    const floats: [string, number][] = [['a_position', 2], ['a_velocity', 2], ['a_direction', 1], ['a_radius', 1], ['a_cell', 1]]
    let at = 0
    for (const [name, width] of floats) {
      this.attribute(this.symbols, name, width, STRIDE, at, 1)
      at += width * 4
    }
    const colour = gl.getAttribLocation(this.symbols.id, 'a_colour')
    gl.enableVertexAttribArray(colour)
    gl.vertexAttribPointer(colour, 4, gl.UNSIGNED_BYTE, true, STRIDE, at)
    gl.vertexAttribDivisor(colour, 1)
    gl.bindVertexArray(null)
    this.prepareAtlas()
  }

  private prepareAtlas(): void {
    const { gl } = this
    this.texture = gl.createTexture()
    gl.bindTexture(gl.TEXTURE_2D, this.texture)
    for (const key of [gl.UNPACK_FLIP_Y_WEBGL, gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL]) gl.pixelStorei(key, false)
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, atlas())
    gl.generateMipmap(gl.TEXTURE_2D)
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_LINEAR)
    gl.bindTexture(gl.TEXTURE_2D, null)
  }

  private prepareLines(): void {
    const { gl } = this
    this.lineArray = gl.createVertexArray()
    gl.bindVertexArray(this.lineArray)
    this.vertices = gl.createBuffer()
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertices)
    this.attribute(this.lines, 'a_position', 2, 12, 0, 0)
    this.attribute(this.lines, 'a_alpha', 1, 12, 8, 0)
    gl.bindVertexArray(null)
  }

  private attribute(of: Program, name: string, width: number, stride: number, offset: number, divisor: number): void {
    const { gl } = this
    const at = gl.getAttribLocation(of.id, name)
    gl.enableVertexAttribArray(at)
    gl.vertexAttribPointer(at, width, gl.FLOAT, false, stride, offset)
    gl.vertexAttribDivisor(at, divisor)
  }

  // Take a new frame, or a new selection: fills the instance buffer. Ordinary tracks first, pressing ones on top.
  fill(chosen: number): void {
    const { picture, gl } = this
    const frame = picture.frame
    if (!frame || !gl) return
    const centre = this.map.getCenter()
    this.originX = mercatorX(centre.lng)
    this.originY = mercatorY(centre.lat)
    const room = frame.n * (frame.origin ? 3 : 2) + 1
    if (this.bytes.byteLength < room * STRIDE) this.bytes = new ArrayBuffer(Math.ceil(room * 1.25) * STRIDE)
    const write = new Writer(this.bytes)
    const seen = this.inView()
    this.calm = seen > MANY ? 0.8 : 1
    const pressing = seen > CROWD ? this.dots(write) : this.ordinary(write)
    for (const level of [1, 2]) for (const i of pressing) if (attention(frame.state[i]!) === level) this.write(write, i, level)
    if (chosen >= 0) this.around(write, chosen, RING, CHOSEN, 17)
    this.n = write.n
    gl.bindBuffer(gl.ARRAY_BUFFER, this.instances)
    gl.bufferData(gl.ARRAY_BUFFER, new Uint8Array(this.bytes, 0, this.n * STRIDE), gl.DYNAMIC_DRAW)
    gl.bindBuffer(gl.ARRAY_BUFFER, null)
  }

  private inView(): number {
    const { picture, map } = this
    const bounds = map.getBounds()
    const [west, east] = [mercatorX(bounds.getWest()), mercatorX(bounds.getEast())]
    const [north, south] = [mercatorY(bounds.getNorth()), mercatorY(bounds.getSouth())]
    let n = 0
    for (let i = 0; i < (picture.frame?.n ?? 0); i++) {
      const x = nearest(picture.x[i]!, (west + east) / 2)
      if (x >= west && x <= east && picture.y[i]! >= north && picture.y[i]! <= south) n++
    }
    return n
  }

  // Each gives back the rows that it left out: those that need somebody.
  private ordinary(write: Writer): number[] {
    const pressing: number[] = []
    const { n, state } = this.picture.frame!
    for (let i = 0; i < n; i++) {
      if (attention(state[i]!)) pressing.push(i)
      else this.write(write, i, 0)
    }
    return pressing
  }

  // A crowd is many: one loop, no calls but for those that have not been heard for a while.
  private dots(write: Writer): number[] {
    const { picture, originX, originY } = this
    const { floats, ints } = write
    const { n, state, age, origin } = picture.frame!
    const { x, y, vx, vy, tones } = picture
    const pressing: number[] = []
    let at = write.n * (STRIDE / 4)
    for (let i = 0; i < n; i++) {
      const bits = state[i]!
      if (attention(bits)) {
        pressing.push(i)
        continue
      }
      const across = x[i]! - originX
      const hollow = life(bits) === 1
      const fresh = age[i]! < FRESH_TENTHS ? 1 : Math.max(LEAST, picture.freshness(i))
      floats[at] = across - Math.round(across)
      floats[at + 1] = y[i]! - originY
      floats[at + 2] = vx[i]!
      floats[at + 3] = vy[i]!
      floats[at + 4] = 0
      floats[at + 5] = DOT_PX
      floats[at + 6] = hollow ? DOTS[1] : DOTS[0]
      ints[at + 7] = ((origin ? DOT_TONES[tones[origin[i]!]!]! : COLOURS[0]!) | (((fresh * (hollow ? TENTATIVE : 1) * 255 + 0.5) | 0) << 24)) >>> 0
      at += STRIDE / 4
    }
    write.n = at / (STRIDE / 4)
    return pressing
  }

  private write(write: Writer, i: number, level: number): void {
    const frame = this.picture.frame!
    const state = frame.state[i]!
    const directed = frame.course[i] !== UNKNOWN
    const hollow = life(state) === 1
    const { cell, turns } = drawn(frame.kind[i]!, domain(state), directed, hollow)
    const turn = turns ? (frame.course[i]! * Math.PI) / 18000 : 0
    const alpha = Math.max(LEAST, this.picture.freshness(i)) * (hollow ? TENTATIVE : 1)
    const x = this.relativeX(i)
    const y = this.picture.y[i]! - this.originY
    const size = domain(state) === 1 || level ? 14 : 13 * this.calm
    const tone = this.picture.tone(i)
    if (tone === FUSED) this.around(write, i, RING, VIOLET, level === 2 ? 15 : 13 * this.calm, alpha * 0.8)
    if (level === 2) this.around(write, i, ALARM, COLOURS[2]!, 19)
    write.add(x, y, this.picture.vx[i]!, this.picture.vy[i]!, turn, size, cell, level ? COLOURS[level]! : TONES[tone]!, alpha)
  }

  private around(write: Writer, i: number, ring: number, colour: number, radius: number, alpha = 1): void {
    write.add(this.relativeX(i), this.picture.y[i]! - this.originY, this.picture.vx[i]!, this.picture.vy[i]!, 0, radius, ring, colour, alpha)
  }

  private relativeX(i: number): number {
    return nearest(this.picture.x[i]!, this.originX) - this.originX
  }

  // Lines in the unit square, each [x, y, x, y, ...], oldest first; they pale towards their beginning.
  trails(lines: Float64Array[]): void {
    const { gl } = this
    const centre = this.map.getCenter()
    this.lineX = mercatorX(centre.lng)
    this.lineY = mercatorY(centre.lat)
    const found: number[] = []
    for (const line of lines) {
      const last = line.length / 2 - 1
      for (let i = 1; i <= last; i++) for (const k of [i - 1, i]) this.vertex(found, line, k, last)
    }
    this.points = found.length / 3
    gl.bindBuffer(gl.ARRAY_BUFFER, this.vertices)
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array(found), gl.DYNAMIC_DRAW)
    gl.bindBuffer(gl.ARRAY_BUFFER, null)
  }

  private vertex(found: number[], line: Float64Array, k: number, last: number): void {
    found.push(nearest(line[2 * k]!, this.lineX) - this.lineX, line[2 * k + 1]! - this.lineY, (0.5 * k) / last)
  }

  render(): void {
    const { gl } = this
    gl.enable(gl.BLEND)
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA)
    gl.disable(gl.DEPTH_TEST)
    gl.disable(gl.STENCIL_TEST)
    gl.disable(gl.CULL_FACE)
    if (this.points) this.drawLines()
    if (this.n) this.drawSymbols()
    gl.bindVertexArray(null)
    if (this.picture.frame) this.painted = this.n
  }

  private drawLines(): void {
    const { gl } = this
    gl.useProgram(this.lines.id)
    gl.bindVertexArray(this.lineArray)
    this.camera(this.lines, this.lineX, this.lineY)
    gl.drawArrays(gl.LINES, 0, this.points)
  }

  private drawSymbols(): void {
    const { gl } = this
    gl.useProgram(this.symbols.id)
    gl.bindVertexArray(this.symbolArray)
    this.camera(this.symbols, this.originX, this.originY)
    gl.uniform1f(this.symbols.at['u_ahead']!, this.picture.ahead(performance.now()))
    gl.uniform1f(this.symbols.at['u_cells']!, Math.ceil((ALARM + 1) / 8))
    gl.activeTexture(gl.TEXTURE0)
    gl.bindTexture(gl.TEXTURE_2D, this.texture)
    gl.uniform1i(this.symbols.at['u_atlas']!, 0)
    gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, this.n)
    gl.bindTexture(gl.TEXTURE_2D, null)
  }

  private camera(of: Program, originX: number, originY: number): void {
    const { gl, map } = this
    const scale = TILE_PX * 2 ** map.getZoom()
    const centre = map.getCenter()
    const canvas = map.getCanvas()
    gl.uniform2f(of.at['u_offset']!, nearest(originX, mercatorX(centre.lng)) * scale - mercatorX(centre.lng) * scale,
      (originY - mercatorY(centre.lat)) * scale)
    gl.uniform1f(of.at['u_scale']!, scale)
    gl.uniform2f(of.at['u_size']!, canvas.clientWidth, canvas.clientHeight)
  }
}

class Writer {
  n = 0
  readonly floats: Float32Array
  readonly ints: Uint32Array

  constructor(bytes: ArrayBuffer) {
    this.floats = new Float32Array(bytes)
    this.ints = new Uint32Array(bytes)
  }

  add(x: number, y: number, vx: number, vy: number, turn: number, radius: number, which: number, colour: number, alpha: number): void {
    const at = this.n * (STRIDE / 4)
    const { floats } = this
    floats[at] = x
    floats[at + 1] = y
    floats[at + 2] = vx
    floats[at + 3] = vy
    floats[at + 4] = turn
    floats[at + 5] = radius
    floats[at + 6] = which
    this.ints[at + 7] = (colour | (Math.round(alpha * 255) << 24)) >>> 0
    this.n += 1
  }
}

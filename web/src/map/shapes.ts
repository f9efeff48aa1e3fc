// The symbols, drawn once into a texture: red is where the colour goes, green where anything is drawn (dark halo).

export const CELL_PX = 64
export const COLUMNS = 8

type Draw = (c: CanvasRenderingContext2D) => void

const polygon = (...points: [number, number][]): Draw => (c) => {
  points.forEach(([x, y], i) => (i ? c.lineTo(x, y) : c.moveTo(x, y)))
  c.closePath()
}

const circle = (r: number, y = 0): Draw => (c) => c.arc(0, y, r, 0, Math.PI * 2)

const hull = (width: number, length: number): Draw => (c) => {
  const w = width / 2
  const bow = -length / 2
  c.moveTo(0, bow)
  c.quadraticCurveTo(w, bow + length * 0.22, w, bow + length * 0.42)
  c.lineTo(w * 0.8, -bow)
  c.lineTo(-w * 0.8, -bow)
  c.lineTo(-w, bow + length * 0.42)
  c.quadraticCurveTo(-w, bow + length * 0.22, 0, bow)
  c.closePath()
}

const plane = polygon(
  [0, -23], [3, -18], [3.5, -6], [23, 6], [23, 11], [3.5, 6], [2.8, 16], [9, 21], [9, 24], [0, 22],
  [-9, 24], [-9, 21], [-2.8, 16], [-3.5, 6], [-23, 11], [-23, 6], [-3.5, -6], [-3, -18],
)

const both = (...draws: Draw[]): Draw => (c) => draws.forEach((draw) => draw(c))

// Order is the cell number. A bow points up: heading 0.
const SHAPES: Record<string, Draw> = {
  unknown: circle(11),
  vessel: hull(19, 46),
  vessel_small: hull(17, 32),
  vessel_still: polygon([-10, -4.5], [-4.5, -10], [4.5, -10], [10, -4.5], [10, 4.5], [4.5, 10], [-4.5, 10], [-10, 4.5]),
  aircraft: plane,
  unmanned: polygon(
    [0, -21], [4, -16], [3.5, -7], [25, -5], [25, 0], [3, 1], [2.2, 12], [10, 19], [7, 22], [0, 17],
    [-7, 22], [-10, 19], [-2.2, 12], [-3, 1], [-25, 0], [-25, -5], [-3.5, -7], [-4, -16],
  ),
  search: both(plane, polygon([-9, -17], [9, -17], [9, -13], [-9, -13])),
  base: polygon([0, -18], [17, 14], [-17, 14]),
  aid: polygon([0, -18], [15, 0], [0, 18], [-15, 0]),
  distress: polygon(
    [-6, -20], [6, -20], [6, -6], [20, -6], [20, 6], [6, 6], [6, 20], [-6, 20], [-6, 6], [-20, 6], [-20, -6], [-6, -6],
  ),
  vehicle: polygon([-11, -14], [11, -14], [11, 14], [-11, 14]),
  obstacle: polygon(
    [0, -6], [12, -18], [18, -12], [6, 0], [18, 12], [12, 18], [0, 6], [-12, 18], [-18, 12], [-6, 0], [-18, -12], [-12, -18],
  ),
  unknown_air: polygon([0, -19], [19, 15], [0, 5], [-19, 15]),
  unknown_sea: polygon([0, -17], [13, -3], [13, 15], [-13, 15], [-13, -3]),
  dot: circle(9),
}

const NAMES = Object.keys(SHAPES)
export const RING = NAMES.length * 2
export const ALARM = RING + 1

const cell = (name: string, hollow: boolean): number => NAMES.indexOf(name) + (hollow ? NAMES.length : 0)

const BY_KIND = [
  'unknown', 'vessel', 'vessel_small', 'base', 'aid', 'search', 'distress', 'aircraft', 'unmanned', 'vehicle',
  'aircraft', 'vessel', 'obstacle', 'vessel',
]
const TURNS = new Set(['vessel', 'vessel_small', 'aircraft', 'unmanned', 'search', 'unknown_air', 'unknown_sea', 'vehicle'])

// A vessel without a direction has no bow.
function shape(kind: number, domain: number, directed: boolean): { name: string; turns: boolean } {
  let name = BY_KIND[kind] ?? 'unknown'
  if (name === 'unknown' && domain === 1 && directed) name = 'unknown_air'
  if (name === 'unknown' && domain === 2 && directed) name = 'unknown_sea'
  if (!directed && name.startsWith('vessel')) name = 'vessel_still'
  return { name, turns: directed && TURNS.has(name) }
}

export interface Drawn {
  cell: number
  turns: boolean
}

// Which cell, by kind, domain, direction and hollowness: looked up for every track of every frame.
const CELLS: Drawn[] = Array.from({ length: 256 * 16 }, (_, i) => {
  const { name, turns } = shape(i >> 4, (i >> 2) & 3, (i & 2) !== 0)
  return { cell: cell(name, (i & 1) !== 0), turns }
})

export const drawn = (kind: number, domain: number, directed: boolean, hollow: boolean): Drawn =>
  CELLS[(kind << 4) | (domain << 2) | (directed ? 2 : 0) | (hollow ? 1 : 0)]!

export const DOTS = [cell('dot', false), cell('dot', true)] as const

export function atlas(): HTMLCanvasElement {
  const canvas = document.createElement('canvas')
  canvas.width = CELL_PX * COLUMNS
  canvas.height = CELL_PX * Math.ceil((ALARM + 1) / COLUMNS)
  const c = canvas.getContext('2d')!
  c.fillStyle = '#000'
  c.fillRect(0, 0, canvas.width, canvas.height)
  c.lineJoin = 'round'
  NAMES.forEach((name, i) => {
    solid(c, i, SHAPES[name]!)
    hollow(c, i + NAMES.length, SHAPES[name]!)
  })
  ring(c, RING, [])
  ring(c, ALARM, [11, 8])
  return canvas
}

function within(c: CanvasRenderingContext2D, at: number, draw: () => void): void {
  c.save()
  c.translate(((at % COLUMNS) + 0.5) * CELL_PX, (Math.floor(at / COLUMNS) + 0.5) * CELL_PX)
  c.globalCompositeOperation = 'lighten' // the two channels do not disturb each other
  draw()
  c.restore()
}

function solid(c: CanvasRenderingContext2D, at: number, draw: Draw): void {
  within(c, at, () => {
    c.beginPath()
    draw(c)
    c.strokeStyle = c.fillStyle = '#0f0'
    c.lineWidth = 9
    c.stroke()
    c.fill()
    c.fillStyle = '#ff0'
    c.fill()
  })
}

function hollow(c: CanvasRenderingContext2D, at: number, draw: Draw): void {
  within(c, at, () => {
    c.beginPath()
    draw(c)
    c.strokeStyle = '#0f0'
    c.lineWidth = 11
    c.stroke()
    c.strokeStyle = '#ff0'
    c.lineWidth = 4.5
    c.stroke()
  })
}

function ring(c: CanvasRenderingContext2D, at: number, dashes: number[]): void {
  within(c, at, () => {
    c.beginPath()
    c.arc(0, 0, 26, 0, Math.PI * 2)
    c.strokeStyle = '#0f0'
    c.lineWidth = 8
    c.stroke()
    c.setLineDash(dashes)
    c.strokeStyle = '#ff0'
    c.lineWidth = 4
    c.stroke()
  })
}

// One shape on a canvas of its own, for the legend.
export function icon(canvas: HTMLCanvasElement, name: string, outlined: boolean, colour = '#c7d3e3'): void {
  const c = canvas.getContext('2d')!
  c.setTransform(canvas.width / 60, 0, 0, canvas.height / 60, canvas.width / 2, canvas.height / 2)
  c.beginPath()
  SHAPES[name]!(c)
  c.strokeStyle = c.fillStyle = colour
  c.lineWidth = 4.5
  if (outlined) c.stroke()
  else c.fill()
}

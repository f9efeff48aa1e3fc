// The register of capability and the layer of coverage: what is asked of the node while somebody looks at it.

export interface Entry {
  partner: string // own, or a partner's id
  number: string
  id: string
  kind: string
  form: string
  name: string
  name_ar: string
  owner: string
  lat: number | null
  lon: number | null
  cell: string
  area: string
  availability: string
  since: string
  until: string
  caveat: string
  caveat_ar: string
  endurance_s: number | null
  speed_mps: number | null
  reach_m: number | null
  persons: number | null
  age_s: number | null
  marking: { purpose: string[]; onward: string[]; rules: string[]; sensitivity: string }
}

export type State = 'gap' | 'single' | 'covered'

export interface Cell {
  type: 'Feature'
  geometry: { type: 'Polygon'; coordinates: [number, number][][] }
  properties: { cell: string; state: State; probability: number | null; sensors: number | null; interest: boolean; who: string[] }
}

export interface Cells {
  total: number
  counts: Record<State, number>
  told_gaps: string[]
  features: Cell[]
}

export const STATES: State[] = ['gap', 'single', 'covered']
export const DOMAINS = ['air', 'sea'] as const
export const BANDS = ['low', 'middle', 'high'] as const
export const SIZES = ['broadcasting', 'large', 'small'] as const

async function read<T>(path: string): Promise<T | null> {
  try {
    const answer = await fetch(path)
    return answer.ok ? ((await answer.json()) as T) : null
  } catch {
    return null
  }
}

class Means {
  entries = $state.raw<Entry[]>([])
  cells = $state.raw<Cells | null>(null)
  listOpen = $state(false)
  shown = $state(false) // the layer on the map
  domain = $state<(typeof DOMAINS)[number]>('air')
  band = $state<(typeof BANDS)[number]>('low')
  size = $state<(typeof SIZES)[number]>('small')

  async ask(): Promise<void> {
    this.entries = (await read<{ capability: Entry[] }>('/api/capability'))?.capability ?? this.entries
    if (!this.shown) {
      this.cells = null
      return
    }
    const asked = `/api/coverage?domain=${this.domain}&band=${this.band}&size=${this.size}`
    const found = await read<Cells>(asked)
    if (this.shown && asked.endsWith(`domain=${this.domain}&band=${this.band}&size=${this.size}`)) this.cells = found ?? this.cells
  }
}

export const means = new Means()

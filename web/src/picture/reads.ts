// The JSON reads of the desk. Each answers null when it cannot be had; the page says so, and tries again.

export interface Properties {
  track_id: string
  number: number
  identity: string
  identity_space: string
  name: string
  callsign: string
  squawk: string
  kind: string
  domain: string
  life: string
  attention: number
  flags: string[]
  sources: string[]
  from: string[] // own, and ids of partners
  led_by: string
  undisclosed: boolean
  labels?: { partner: string; word: string; tlp: string }[] // how partners marked it, in our own words
  tlp?: string
  time: string
  age_s: number
  speed_mps: number | null
  course_deg: number | null
  heading_deg: number | null
  climb_mps: number | null
  altitude_m: number | null
  altitude_reference: string
  semi_major_m: number | null
  semi_minor_m: number | null
  ellipse_bearing_deg: number | null
}

export interface Details extends Properties {
  born: string
  updated: string
  hits: number
  confidence: number
  particulars: Record<string, string | number>
  texts: { text: string; time: string }[]
  trail: [number, number, string][]
  credibility: number // 1 to 6; 0: ours alone
  reliability: Record<string, Reliability[]> // by partner, where the track is
}

export interface Reliability {
  domain: string
  area: string
  letter: string
  corroborated: number
  refuted: number
  mean: number
  low: number
  high: number
}

export interface Apart {
  track_id: string
  partner: string
  why: string[]
  since: string
  lat: number | null
  lon: number | null
  kind: string
  domain: string
  identity: string
}

export interface Feature<P> {
  geometry: { coordinates: [number, number] } | null
  properties: P
}

export interface Feed {
  name: string
  format: string
  url: string
  state: string
  last_seen: string
  silent_s: number | null
  records_total: number
  records_per_s: number
  rejects_total: number
  rejects: Record<string, number>
  clock_offset_s: number | null
  detail: string
}

export type Pair = [number, number] // mean, sigma

export interface Registered {
  source: string
  form: string
  applied: boolean
  noise: number // times what it states
  dishonest: boolean
  differences: number
  jumps: number
  jump: { of: string; by: number; age_s: number } | null
  range_m?: Pair
  east_m?: Pair
  north_m?: Pair
  turn_deg?: Pair
  late_s?: Pair
}

export interface Health {
  trouble: string
  clock_apart_s: number | null
  refused: Record<string, number>
  feeds: Feed[]
  registration: Registered[]
  texts: { text: string; age_s: number; identity: string; name: string; track_id: string | null }[]
}

export interface Partner {
  id: string
  name: string
  name_ar: string
  link: string
  detail: string
  phase_out: string
  phase_in: string
  since: string
  reason: string
  silent_s: number | null
  clock_offset_s: number
  sent_entries: number
  receipted: number
  received_entries: number
  rows_out: number
  rows_in: number
  withheld: Record<string, number>
  void: number
  refused: Record<string, number>
  epoch: { epoch: number; old_size: number; held: number; by: string[] }
  tracks: number
  regions: number
  reliability: Reliability[]
  apart: { tracks: number; whole: string }
  concerns: Concern[]
  added: Added | null // by the newest hour that was stepped again without it
}

export interface Added {
  begin_ns: number
  end_ns: number
  detections: number
  without: number
  share: number | null
  lead_s: number | null
  surer: number | null
}

export interface Concern {
  agreement: string
  edition: number
  id: string
  text: string
  text_ar: string
  hazard: string[]
  domain: string[]
  craft: string[]
  area: string[]
  since: number
}

export interface Partners {
  log: { size: number; witnessed: number }
  partners: Partner[]
  warned: { partner: string; area: string; window: string; hazard: string; severity: string; age_s: number }[]
}

export interface Row {
  track: string
  kind: string
  domain: string
  rules: string[]
  purpose?: string[]
  retention_s?: number
  onward?: string[]
  cell_m?: number
  delay_s?: number
  identity?: string // of a point only
  name?: string
  callsign?: string
  speed_mps?: number | null
  course_deg?: number | null
  cell?: string // of a square only
  time: string
}

export interface Given {
  partner: string
  entries: number
  time: string
  phase: string
  why_nothing: string
  exact: number
  within_cells: number
  void: number
  withheld: Record<string, number>
  warned: { area: string; area_name: string; area_name_ar: string; hazard: string; severity: string; window: string; window_end: string; age_s: number }[]
  features: (GeoJSON.Feature<GeoJSON.Point | GeoJSON.Polygon, Row> & { id: string })[]
}

export interface Story {
  lines: { id: string; en: string; ar: string; desk: string }[]
  desks: { partner: string; name: string; name_ar: string; url: string }[]
}

export interface Draft {
  id: number
  area: string
  area_name: string
  area_name_ar: string
  hazard: string
  severity: string
  first: string
  last: string
  in_s: number
  probability: number | null
  since: string
  partners: string[]
  tracks: string[]
  warned: string
  own: string
  ahead_s: number | null
  state: 'open' | 'taken' | 'closed'
  by: string
}

export interface Handover {
  id: string
  partner: string
  ours: boolean
  track: string
  number: string
  area: string
  reason: string
  state: 'offered' | 'unanswered' | 'accepted' | 'declined' | 'void'
  why: string
  by: string
  confirmed: boolean
  responsible: string
  left_s: number | null
  answerable: boolean
}

export interface Handovers {
  own: string
  handovers: Handover[]
  proposals: { partner: string; area: string; track: string; in_s: number; probability: number }[]
  turned: { partner: string; track: string; why: string; sentence: string }[]
}

export interface Figure {
  promise: string
  promised_ns: number
  measured: number
  median_ns: number
  worst_ns: number
  late: number
  unanswered: number
  open: number
  contradicted: number
}

export interface Promised {
  stream: string
  from_ns: string
  figures: Figure[]
  clocks: { allowed_ns: number; low_ns: number; high_ns: number; stamps: number; agree: number }
}

export interface Config {
  title: string
  mode: string
  speed: number
  land: string | null
  centre: { lat: number; lon: number; zoom: number } | null
}

export interface Table {
  total: number
  features: Feature<Properties>[]
}

export const GONE = 'gone'

async function read<T>(path: string): Promise<T | typeof GONE | null> {
  try {
    const answer = await fetch(path)
    if (answer.status === 404) return GONE
    return answer.ok ? ((await answer.json()) as T) : null
  } catch {
    return null
  }
}

const present = <T>(answer: T | typeof GONE | null): T | null => (answer === GONE ? null : (answer as T | null))

export const config = async (): Promise<Config | null> => present(await read<Config>('/api/config'))
export const health = async (): Promise<Health | null> => present(await read<Health>('/api/health'))
export const details = (trackId: string) => read<Feature<Details>>(`/api/tracks/${trackId}`)
export const partners = async (): Promise<Partners | null> => present(await read<Partners>('/api/partners'))
export const given = async (partner: string): Promise<Given | null> =>
  present(await read<Given>(`/api/partners/${encodeURIComponent(partner)}/given`))
export const story = async (): Promise<Story | null> => {
  const told = present(await read<Partial<Story>>('/api/story'))
  return told ? { lines: told.lines ?? [], desks: told.desks ?? [] } : null
}
export const drafts = async (): Promise<Draft[] | null> => present(await read<{ drafts: Draft[] }>('/api/drafts'))?.drafts ?? null
export async function decide(draft: number, act: 'take' | 'close'): Promise<void> {
  try {
    await fetch(`/api/drafts/${draft}/${act}`, { method: 'POST' })
  } catch {
    // The inbox is asked again within a second and shows what stands.
  }
}
export const handovers = async (): Promise<Handovers | null> => present(await read<Handovers>('/api/handovers'))
export const promised = async (): Promise<Promised[] | null> => present(await read<{ promises: Promised[] }>('/api/promises'))?.promises ?? null
async function post(path: string): Promise<boolean> {
  try {
    return (await fetch(path, { method: 'POST' })).ok
  } catch {
    return false // the list is asked again within a second and shows what stands
  }
}
export const offer = (partner: string, track: string): Promise<boolean> =>
  post(`/api/handovers/offer/${encodeURIComponent(partner)}/${track}`)
export const answer = (id: string, word: 'accept' | 'decline', reason: string): Promise<boolean> =>
  post(`/api/handovers/answer/${id}/${word}?reason=${encodeURIComponent(reason)}`)
export const quarantine = async (): Promise<Apart[] | null> =>
  present(await read<{ tracks: Apart[] }>('/api/quarantine'))?.tracks ?? null
export async function rule(partner: string, act: 'release' | 'hold', track: string): Promise<void> {
  try {
    await fetch(`/api/quarantine/${encodeURIComponent(partner)}/${act}?track=${track}`, { method: 'POST' })
  } catch {
    // What stands is asked again within two seconds.
  }
}
export const search = async (query: string): Promise<Properties[] | null> =>
  present(await read<{ found: Properties[] }>(`/api/search?q=${encodeURIComponent(query)}`))?.found ?? null
export const table = async (sort: string, descending: boolean, limit: number): Promise<Table | null> =>
  present(await read<Table>(`/api/tracks?limit=${limit}&sort=${sort}&descending=${descending}`))
export const trails = async (box: { west: number; south: number; east: number; north: number }) =>
  present(
    await read<{ lines: Record<string, number[]>; total: number }>(
      '/api/trails?' + Object.entries(box).map(([side, deg]) => `${side}=${deg.toFixed(4)}`).join('&'),
    ),
  )

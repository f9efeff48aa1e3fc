// The numbers of the records, as words. tests/desk/test_words.py holds this list to src/manara/records.

export const KINDS = [
  'unknown', 'vessel_a', 'vessel_b', 'base_station', 'aid_to_navigation', 'search_aircraft', 'distress_device',
  'aircraft', 'unmanned_aircraft', 'ground_vehicle', 'system_track_air', 'system_track_sea', 'surface_obstacle',
  'vessel',
] as const

export const DOMAINS = ['unknown', 'air', 'sea', 'land'] as const

export const LIVES = ['', 'tentative', 'confirmed', 'coasting', 'dropped'] as const

export const FLAGS = [
  'emergency', 'radio_failure', 'unlawful_interference', 'distress', 'ident', 'on_ground', 'test',
  'identity_conflict', 'position_suspect', 'no_position', 'from_ground', 'manual', 'position_jump', 'time_assumed',
  'dead_reckoned',
] as const

// Why a track needs somebody, most pressing first.
export const REASONS = [
  'distress', 'unlawful_interference', 'emergency', 'radio_failure', 'identity_conflict', 'status_14', 'position_jump',
  'look',
] as const

const DEVICE = KINDS.indexOf('distress_device')

export const flagWords = (flags: number): (typeof FLAGS)[number][] => FLAGS.filter((_, bit) => flags & (1 << bit))

// Distress is a device's word. An ordinary vessel that says it (navigational status 14) nearly always has a wrong setting.
export function reason(flags: number, kind: number): (typeof REASONS)[number] {
  const said: string[] = flagWords(flags)
  const device = kind === DEVICE
  const holds = (word: string): boolean =>
    word === 'status_14' ? said.includes('distress') && !device : said.includes(word) && (word !== 'distress' || device)
  return REASONS.find(holds) ?? 'look'
}

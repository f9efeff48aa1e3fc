// What stands in the address: where the map is, the language, the selected track, whether names are hidden.
// Nothing secret: an address gets shared.

export interface Address {
  map: { zoom: number; lat: number; lon: number } | null
  lang: string | null
  sel: string | null
  names: boolean
}

export function read(hash: string): Address {
  const parts = new URLSearchParams(hash.replace(/^#/, ''))
  const numbers = (parts.get('map') ?? '').split('/').map(Number)
  const [zoom, lat, lon] = numbers
  const whole = numbers.length === 3 && numbers.every(Number.isFinite)
  const sel = parts.get('sel')
  return {
    map: whole ? { zoom: zoom!, lat: Math.max(-85, Math.min(85, lat!)), lon: lon! } : null,
    lang: parts.get('lang'),
    sel: sel && /^\d{1,20}$/.test(sel) ? sel : null,
    names: parts.get('names') !== 'off',
  }
}

export function write(address: Address): string {
  const parts: string[] = []
  const { map } = address
  if (map) parts.push(`map=${map.zoom.toFixed(2)}/${map.lat.toFixed(4)}/${map.lon.toFixed(4)}`)
  if (address.lang) parts.push(`lang=${address.lang}`)
  if (address.sel) parts.push(`sel=${address.sel}`)
  if (!address.names) parts.push('names=off')
  return '#' + parts.join('&')
}

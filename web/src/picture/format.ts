// Numbers as people read them. Western digits and Latin units in both languages, always left to right.

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const tenths = new Intl.NumberFormat('en', { maximumFractionDigits: 1, minimumFractionDigits: 1 })

export const NONE = '–'

type Maybe = number | null | undefined

export const count = (n: number): string => grouped.format(n)

export const knots = (mps: Maybe): string => (mps == null ? NONE : `${tenths.format(mps / 0.514444)} kn`)

export const course = (deg: Maybe): string =>
  deg == null ? NONE : `${(Math.round(deg) % 360).toString().padStart(3, '0')}°`

export const feet = (m: Maybe): string => (m == null ? NONE : `${grouped.format(m / 0.3048)} ft`)

export const metres = (m: Maybe): string =>
  m == null ? NONE : m >= 10_000 ? `${tenths.format(m / 1000)} km` : `${grouped.format(m)} m`

export const climb = (mps: Maybe): string => {
  if (mps == null) return NONE
  const fpm = Math.round(mps / 0.00508 / 64) * 64
  return fpm === 0 ? '0 ft/min' : `${fpm > 0 ? '+' : '−'}${grouped.format(Math.abs(fpm))} ft/min`
}

export const age = (s: Maybe): string => {
  if (s == null) return NONE
  if (s < 0) return `−${age(-s)}`
  if (s < 10) return `${tenths.format(s)} s`
  if (s < 120) return `${Math.round(s)} s`
  if (s < 7200) return `${Math.floor(s / 60)} min`
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`
}

export const offset = (s: Maybe): string =>
  s == null ? NONE : `${s < 0 ? '−' : '+'}${Math.abs(s) < 100 ? tenths.format(Math.abs(s)) : count(Math.abs(s))} s`

export const rate = (perS: number): string => `${perS < 10 ? tenths.format(perS) : grouped.format(perS)} /s`

function sexagesimal(deg: number, width: number, ends: string): string {
  const minutes = Math.round(Math.abs(deg) * 60_000) / 1000
  const whole = Math.floor(minutes / 60)
  const rest = (minutes - whole * 60).toFixed(3).padStart(6, '0')
  return `${whole.toString().padStart(width, '0')}°${rest}′${deg < 0 ? ends[1] : ends[0]}`
}

export const position = (latDeg: number, lonDeg: number): string =>
  `${sexagesimal(latDeg, 2, 'NS')} ${sexagesimal(lonDeg, 3, 'EW')}`

// The date always stands with the time, and Z for UTC.
export const utc = (ms: number): string =>
  ms > 0 && ms < 8.64e15 ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ') + 'Z' : NONE

export const times = (speed: number): string => `×${speed < 10 && speed % 1 ? speed.toFixed(1) : count(speed)}`

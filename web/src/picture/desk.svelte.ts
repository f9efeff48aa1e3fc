// What the panels show. The columns themselves live in Picture and are not reactive: they change at the map's pace.

import { attention, label, type Frame, type Label, type Told } from '../wire/frame.ts'
import { KINDS, REASONS, reason } from '../wire/words.ts'
import * as address from './address.ts'
import { GONE, details, health, type Config, type Details, type Feature, type Health } from './reads.ts'
import { keep, kept } from './keep.ts'
import { Picture } from './picture.ts'
import { firstLang, words } from './words.svelte.ts'

export type Standing = 'connecting' | 'live' | 'stale' | 'silent' | 'disconnected' | 'ended'

export interface Pressing {
  slot: number
  trackId: string
  title: string
  reason: (typeof REASONS)[number]
  level: number
  kind: string
}

const urgency = (a: Pressing, b: Pressing): number =>
  b.level - a.level || REASONS.indexOf(a.reason) - REASONS.indexOf(b.reason) || a.slot - b.slot

const MOST_PRESSING = 500
const STALE_MS = 5_000
const SILENT_MS = 15_000

class Desk {
  picture = new Picture()
  title = $state('')
  titleAr = $state('')
  mode = $state('')
  speed = $state(1)
  connected = $state(false)
  ever = $state(false)
  ageMs = $state(0)
  nodeMs = $state(0)
  tracks = $state(0)
  pressing = $state.raw<Pressing[]>([])
  health = $state.raw<Health | null>(null)
  selected = $state<string | null>(null)
  details = $state.raw<Feature<Details> | null>(null)
  gone = $state(false)
  trails = $state(false)
  trailsCut = $state(false)
  table = $state(false)
  help = $state(false)
  feedsOpen = $state(false)
  webgl = $state(true)
  names = $state(true)
  caption = $state(kept('caption') !== 'off')
  config = $state.raw<Config | null>(null)
  place: address.Address['map'] = null
  private lastMs = 0
  private renew = false
  private asking = ''

  standing = $derived.by((): Standing => {
    if (!this.ever) return this.connected ? 'live' : 'connecting'
    if (this.ended) return 'ended'
    if (!this.connected) return 'disconnected'
    if (this.speed === 0 || this.ageMs < STALE_MS) return 'live'
    return this.ageMs < SILENT_MS ? 'stale' : 'silent'
  })

  get ended(): boolean {
    const feeds = this.health?.feeds ?? []
    return this.mode === 'recording' && feeds.length > 0 && feeds.every((feed) => feed.state === 'ended')
  }

  begin(): void {
    const from = address.read(location.hash)
    words.set(firstLang(from.lang))
    this.names = from.names
    this.selected = from.sel
    this.place = from.map
  }

  uncaption(): void {
    this.caption = false
    keep('caption', 'off')
  }

  remember(): void {
    const next = address.write({ map: this.place, lang: words.lang, sel: this.selected, names: this.names })
    if (next !== location.hash) history.replaceState(null, '', next)
  }

  told(news: Told): void {
    if (news.type === 'labels') {
      if (this.renew) this.picture.unlearn()
      this.renew = false
      for (const row of news.rows) this.picture.learn(label(row))
      return
    }
    this.title = news.title
    this.titleAr = news.title_ar
    this.mode = news.mode
    this.speed = this.picture.speed = news.speed
  }

  open(): void {
    this.connected = true
    this.ever = true
  }

  // A node that was started anew gives its slots anew: the old labels go when the new ones come.
  closed(): void {
    this.connected = false
    this.renew = true
  }

  frame(frame: Frame): void {
    this.lastMs = performance.now()
    this.picture.take(frame, this.lastMs)
    this.tracks = frame.n
    this.pressing = this.picture.pressing(MOST_PRESSING).map((row) => this.press(frame, row)).sort(urgency)
    this.tick()
  }

  private press(frame: Frame, row: number): Pressing {
    const slot = frame.slot[row]!
    const found = this.picture.labels.get(slot)
    return {
      slot,
      trackId: found?.trackId ?? '',
      title: found ? this.call(found) : '',
      reason: reason(found?.flags ?? 0, frame.kind[row]!),
      level: attention(frame.state[row]!),
      kind: KINDS[frame.kind[row]!] ?? 'unknown',
    }
  }

  tick(): void {
    const clock = performance.now()
    this.ageMs = this.lastMs ? clock - this.lastMs : 0
    this.nodeMs = this.picture.nowMs(clock)
  }

  // What to call a track: its name, else what it is known by, else its number. With names off always the number.
  call(of: Pick<Label, 'name' | 'callsign' | 'identity' | 'number'>): string {
    return (this.names && (of.name || of.callsign || of.identity)) || `#${of.number}`
  }

  select(trackId: string | null): void {
    this.selected = trackId || null
    this.details = null
    this.gone = false
    this.remember()
    void this.ask()
  }

  async ask(): Promise<void> {
    const wanted = this.selected
    if (!wanted || this.asking === wanted) return
    this.asking = wanted
    const answer = await details(wanted)
    this.asking = ''
    if (this.selected !== wanted) return
    this.gone = answer === GONE
    if (answer && answer !== GONE) this.details = answer
  }

  async askHealth(): Promise<void> {
    this.health = await health()
    this.picture.speed = this.ended ? 0 : this.speed // nothing moves on after the end of a recording
  }
}

export const desk = new Desk()

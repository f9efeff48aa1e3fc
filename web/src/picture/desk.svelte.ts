// What the panels show. The columns themselves live in Picture and are not reactive: they change at the map's pace.

import { attention, label, type Frame, type Label, type Squares, type Told } from '../wire/frame.ts'
import { KINDS, REASONS, reason } from '../wire/words.ts'
import * as address from './address.ts'
import { GONE, decide, details, drafts, handovers, health, partners, promised, story } from './reads.ts'
import type { Config, Details, Draft, Feature, Handovers, Health, Partners, Promised, Story } from './reads.ts'
import { keep, kept } from './keep.ts'
import { Picture } from './picture.ts'
import { foreign, regions, type Partner, type Region } from './shares.ts'
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
  partners = $state.raw<Partner[]>([]) // in the order of their places, from 1 on
  sharing = $state.raw<Partners | null>(null)
  story = $state.raw<Story | null>(null)
  partnersOpen = $state(false)
  drafts = $state.raw<Draft[]>([])
  handovers = $state.raw<Handovers | null>(null)
  promised = $state.raw<Promised[]>([])
  regions = $state.raw<Region[]>([])
  regionKey = $state<string | null>(null)
  region = $derived(this.regions.find((region) => region.key === this.regionKey) ?? null)
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
    if (news.type === 'partners') {
      this.partners = news.partners.map(([id, name, nameAr]) => ({ id, name, nameAr }))
      this.picture.share(news.origins)
      return
    }
    if (this.renew) this.share()
    this.title = news.title
    this.titleAr = news.title_ar
    this.mode = news.mode
    this.speed = this.picture.speed = news.speed
  }

  // A node that was started anew tells its partners and their squares anew.
  private share(): void {
    this.partners = []
    this.regions = []
    this.picture.share([])
  }

  squares(told: Squares): void {
    this.regions = regions(told)
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
  call(of: Pick<Label, 'name' | 'callsign' | 'identity' | 'number'> & { trackId?: string; track_id?: string }): string {
    return (this.names && (of.name || of.callsign || of.identity)) || this.numbered(of)
  }

  // Tracks that a partner leads have no number of ours, but a count of that partner's.
  private numbered(of: { number: number; trackId?: string; track_id?: string }): string {
    const led = of.number ? null : foreign(of.trackId ?? of.track_id ?? '')
    return led ? `${this.partner(led.place)} ${led.count}` : `#${of.number}`
  }

  // The name of a partner in the reader's language, by its place or its id.
  partner(of: number | string): string {
    const found = typeof of === 'number' ? this.partners[of - 1] : this.partners.find(({ id }) => id === of)
    return (words.rtl && found?.nameAr) || found?.name || `${of}`
  }

  selectRegion(key: string | null): void {
    if (key) this.select(null)
    this.regionKey = key
  }

  select(trackId: string | null): void {
    this.selected = trackId || null
    this.regionKey = null
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

  async askPartners(): Promise<void> {
    if (this.partners.length) this.sharing = await partners()
  }

  async askStory(): Promise<void> {
    if (this.mode === 'demo') this.story = (await story()) ?? this.story
  }

  async askDrafts(): Promise<void> {
    if (this.partners.length) this.drafts = (await drafts()) ?? this.drafts
  }

  async askHandovers(): Promise<void> {
    if (this.partners.length) this.handovers = (await handovers()) ?? this.handovers
  }

  async askPromised(): Promise<void> {
    if (this.partners.length && this.partnersOpen) this.promised = (await promised()) ?? this.promised
  }

  // A side of a hand-over: a partner by its name, or we ourselves.
  side(id: string): string {
    return this.partners.some((one) => one.id === id) ? this.partner(id) : words.t('handover.we')
  }

  async decide(draft: number, act: 'take' | 'close'): Promise<void> {
    await decide(draft, act)
    await this.askDrafts()
  }

  async askHealth(): Promise<void> {
    this.health = await health()
    this.picture.speed = this.ended ? 0 : this.speed // nothing moves on after the end of a recording
  }
}

export const desk = new Desk()

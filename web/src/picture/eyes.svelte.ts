// Through the eyes of a partner: what its own stream holds of us, and nothing that is worked out here a second time.

import { desk } from './desk.svelte.ts'
import { given, type Given } from './reads.ts'

export type Shown = Given['features'][number]

class Eyes {
  partner = $state<string | null>(null) // whose; null: one's own picture
  given = $state.raw<Given | null>(null)
  lost = $state(false)
  chosen = $state<string | null>(null) // the partner's number of a told track
  private asking = ''

  get shown(): Shown | null {
    return this.given?.features.find(({ id }) => id === this.chosen) ?? null
  }

  // The next partner; after the last, one's own picture again.
  next(): void {
    const ids = desk.partners.map(({ id }) => id)
    this.look(ids[this.partner ? ids.indexOf(this.partner) + 1 : 0] ?? null)
  }

  look(partner: string | null): void {
    this.partner = partner
    this.given = null
    this.lost = false
    this.chosen = null
    if (partner) {
      desk.select(null)
      void this.ask()
    }
  }

  async ask(): Promise<void> {
    const wanted = this.partner
    if (!wanted || this.asking === wanted) return
    this.asking = wanted
    const answer = await given(wanted)
    this.asking = ''
    if (this.partner !== wanted) return
    this.lost = answer === null
    if (answer) this.given = answer
  }
}

export const eyes = new Eyes()

// The two languages. A missing key does not compile: keys are those of en.json, and a test holds ar.json to it.

import ar from '../../messages/ar.json'
import en from '../../messages/en.json'
import { count } from './format.ts'
import { keep, kept } from './keep.ts'

export type Lang = 'en' | 'ar'
export type Key = keyof typeof en
type Entry = string | Partial<Record<Intl.LDMLPluralRule, string>>

const CATALOGUES: Record<Lang, Record<Key, Entry>> = { en, ar }
const RULES = { en: new Intl.PluralRules('en'), ar: new Intl.PluralRules('ar') }

// Text inside a sentence keeps its own direction: numbers and identifiers left to right, names by their letters.
const isolated = (text: string): string => `\u2066${text}\u2069`

const known = (lang: string | null): lang is Lang => lang === 'en' || lang === 'ar'

export function firstLang(address: string | null): Lang {
  const wanted = [address, kept('lang'), navigator.language.slice(0, 2)]
  return wanted.find(known) ?? 'en'
}

class Words {
  lang = $state<Lang>('en')

  get rtl(): boolean {
    return this.lang === 'ar'
  }

  set(lang: Lang): void {
    this.lang = lang
    document.documentElement.lang = lang
    document.documentElement.dir = lang === 'ar' ? 'rtl' : 'ltr'
    keep('lang', lang)
  }

  flip(): void {
    this.set(this.rtl ? 'en' : 'ar')
  }

  // A sentence, its {places} filled in; each filling is isolated.
  t(key: Key, places: Record<string, string> = {}): string {
    const entry = CATALOGUES[this.lang][key]
    return fill(typeof entry === 'string' ? entry : (entry.other ?? ''), places)
  }

  // A counted sentence, by the plural forms of the language.
  n(key: Key, n: number, places: Record<string, string> = {}): string {
    const entry = CATALOGUES[this.lang][key]
    const text = typeof entry === 'string' ? entry : (entry[RULES[this.lang].select(n)] ?? entry.other ?? '')
    return fill(text, { n: count(n), ...places })
  }

  has(key: string): boolean {
    return key in en
  }

  // A word for a value of the records: kind.*, life.*, flag.*; the value itself where there is none.
  word(group: string, value: string): string {
    const key = `${group}.${value}`
    return key in en ? this.t(key as Key) : value
  }
}

const fill = (text: string, places: Record<string, string>): string =>
  text.replace(/\{(\w+)\}/g, (whole, name: string) => (name in places ? isolated(places[name]!) : whole))

export const words = new Words()

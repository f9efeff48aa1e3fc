// What the browser may remember between visits. It may refuse (private windows, policy): then it forgets.

export function keep(name: string, value: string): void {
  try {
    localStorage.setItem(`manara.${name}`, value)
  } catch {
    // forgotten at the end of the visit
  }
}

export function kept(name: string): string | null {
  try {
    return localStorage.getItem(`manara.${name}`)
  } catch {
    return null
  }
}

// The WebSocket to the node: opens, reopens with growing patience, and says when.

import { decode, squares, type Frame, type Squares, type Told } from '../wire/frame.ts'

const PATIENCE_MS = [500, 1000, 2000, 4000, 8000]

export interface Listener {
  frame(frame: Frame): void
  squares(squares: Squares): void
  told(told: Told): void
  open(): void
  closed(): void
}

export class Link {
  private socket: WebSocket | null = null
  private tries = 0
  private timer = 0
  private readonly listener: Listener

  constructor(listener: Listener) {
    this.listener = listener
  }

  start(): void {
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws'
    const socket = new WebSocket(`${scheme}://${location.host}/ws`)
    socket.binaryType = 'arraybuffer'
    socket.onmessage = (news: MessageEvent<ArrayBuffer | string>) => this.take(news.data)
    socket.onclose = () => this.again()
    this.socket = socket
  }

  stop(): void {
    clearTimeout(this.timer)
    if (this.socket) this.socket.onclose = null
    this.socket?.close()
  }

  private take(news: ArrayBuffer | string): void {
    if (typeof news === 'string') {
      this.listener.told(JSON.parse(news) as Told)
      return
    }
    const told = squares(news)
    if (told) this.listener.squares(told)
    const frame = told ? null : decode(news)
    if (!frame) return
    if (this.tries >= 0) this.listener.open()
    this.tries = -1
    this.listener.frame(frame)
  }

  private again(): void {
    this.listener.closed()
    this.tries = Math.max(0, this.tries)
    const wait = PATIENCE_MS[Math.min(this.tries, PATIENCE_MS.length - 1)]!
    this.tries += 1
    this.timer = window.setTimeout(() => this.start(), wait)
  }
}

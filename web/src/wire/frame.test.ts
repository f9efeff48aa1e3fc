// The contract with src/manara/desk/wire.py: both ends read the vector of docs/spec/desk-wire.md.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { UNKNOWN, attention, decode, domain, label, life, onGround, squares } from './frame.ts'
import { FLAGS, KINDS, flagWords, reason } from './words.ts'

function vector(name = 'hex'): ArrayBuffer {
  const page = readFileSync(new URL('../../../docs/spec/desk-wire.md', import.meta.url), 'utf8')
  const hex = new RegExp('```' + name + '\\n([0-9a-f\\n]+)```').exec(page)![1]!.replaceAll('\n', '')
  return new Uint8Array(hex.match(/../g)!.map((byte) => parseInt(byte, 16))).buffer
}

test('the vector of the specification', () => {
  const frame = decode(vector())!
  assert.equal(frame.n, 3)
  assert.equal(frame.view, 1)
  assert.equal(frame.sequence, 42)
  assert.equal(frame.nowMs, 1_750_000_000_000)
  assert.deepEqual([...frame.slot], [7, 8, 9])
  assert.deepEqual([...frame.lonE7], [-381_250_000, 1_799_999_999, 0])
  assert.deepEqual([...frame.latE7], [125_000_000, -452_500_000, 0])
  assert.deepEqual([...frame.course], [3686, 18_000, UNKNOWN])
  assert.deepEqual([...frame.speed], [50, 2500, 1])
  assert.deepEqual([...frame.age], [25, 65_535, 0])
  assert.deepEqual([...frame.kind].map((kind) => KINDS[kind]), ['vessel_a', 'aircraft', 'unknown'])
  assert.deepEqual([...frame.state].map(life), [2, 3, 1])
  assert.deepEqual([...frame.state].map(attention), [0, 2, 0])
  assert.deepEqual([...frame.state].map(domain), [2, 1, 0])
  assert.deepEqual([...frame.state].map(onGround), [false, false, true])
  assert.equal(frame.origin, null)
})

test('the vectors of a node that shares', () => {
  const frame = decode(vector('hex-origins'))!
  assert.equal(frame.sequence, 43)
  assert.deepEqual([...frame.slot], [10, 11, 12])
  assert.deepEqual([...frame.origin!], [0, 2, 1])
  const told = squares(vector('hex-squares'))!
  assert.equal(told.n, 2)
  assert.deepEqual([...told.track], [2n ** 40n, 2n])
  assert.deepEqual([...told.cell].map((cell) => cell.toString(16)), ['103020000700005', '105010005d00051'])
  assert.deepEqual([...told.latE7], [-412_500_000, 125_000_000])
  assert.deepEqual([...told.lonE7], [5_000_000, -381_250_000])
  assert.deepEqual([...told.epochS], [1_750_000_000 - 60, 1_750_000_000 - 600])
  assert.deepEqual([...told.untilS], [1_750_001_000, 1_750_001_000])
  assert.ok(told.halfM[0]! >= 4895 && told.halfM[0]! <= 5050 && told.halfM[1]! >= 20_000)
  assert.deepEqual([...told.kind].map((kind) => KINDS[kind]), ['vessel_a', 'unmanned_aircraft'])
  assert.deepEqual([[...told.partner], [...told.domain]], [[1, 1], [2, 1]])
})

test('a picture is no frame of squares, nor the other way round, nor is a part of either', () => {
  assert.equal(squares(vector()), null)
  assert.equal(decode(vector('hex-squares')), null)
  for (const [name, read] of [['hex-origins', decode], ['hex-squares', squares]] as const) {
    const good = new Uint8Array(vector(name))
    for (let length = 0; length < good.length; length++) assert.equal(read(good.slice(0, length).buffer), null)
    assert.equal(read(new Uint8Array([...good, 0, 0, 0, 0]).buffer), null)
  }
})

test('the columns are the bytes that came, not copies', () => {
  const bytes = vector()
  assert.equal(decode(bytes)!.slot.buffer, bytes)
})

test('what is not a whole frame of this version is no frame', () => {
  const good = new Uint8Array(vector())
  for (let length = 0; length < good.length; length++) assert.equal(decode(good.slice(0, length).buffer), null)
  assert.equal(decode(new Uint8Array([...good, 0, 0, 0, 0]).buffer), null)
  for (const at of [0, 4, 8]) {
    const bad = good.slice()
    bad[at]! ^= 0xff
    assert.equal(decode(bad.buffer), null, `byte ${at}`)
  }
})

test('a label keeps its track id as text', () => {
  const row: [number, string, number, string, string, string, number] = [7, '1152921504606846977', 12, 'D00001', '', 'LAN1', 1]
  assert.equal(label(row).trackId, '1152921504606846977')
})

test('the most pressing flag gives the reason', () => {
  const flags = (1 << FLAGS.indexOf('identity_conflict')) | (1 << FLAGS.indexOf('distress'))
  assert.deepEqual(flagWords(flags), ['distress', 'identity_conflict'])
  assert.equal(reason(flags, KINDS.indexOf('distress_device')), 'distress')
  assert.equal(reason(0, 0), 'look')
})

test('distress of an ordinary vessel is a wrong setting, never a distress device', () => {
  const distress = 1 << FLAGS.indexOf('distress')
  const vessel = KINDS.indexOf('vessel_a')
  assert.equal(reason(distress, vessel), 'status_14')
  assert.equal(reason(distress | (1 << FLAGS.indexOf('emergency')), vessel), 'emergency')
  assert.equal(reason(distress | (1 << FLAGS.indexOf('position_jump')), vessel), 'status_14')
})

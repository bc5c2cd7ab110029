import { isEnfoldFault } from '@enfold/core'
import { describe, expect, it } from 'vitest'
import { keysOf, signatureOf, verifyWebhook } from './webhook-signature.ts'

// The example of the specification's reference libraries (standard-webhooks/libraries, their README and tests).
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const ID = 'msg_p5jXN8AQM9LWM0D4loKWxJek'
const TIMESTAMP = 1614265330
const BODY = '{"test": 2432232314}'
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

const OTHER_SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
const HEADERS = { 'webhook-id': ID, 'webhook-timestamp': `${TIMESTAMP}`, 'webhook-signature': SIGNATURE }
const GIVEN = { secret: SECRET, headers: HEADERS, body: BODY, now: TIMESTAMP * 1000 }
const VALID = { valid: true, id: ID, sentAtMs: TIMESTAMP * 1000 }

describe('signatures as in Standard Webhooks', () => {
  it('signatures are those of the specification', () => {
    expect(signatureOf(keysOf(SECRET), ID, TIMESTAMP, BODY)).toBe(SIGNATURE)
    expect(verifyWebhook(GIVEN)).toEqual(VALID)
  })

  it('signatures are one per secret, in order, and any will do', () => {
    const both = signatureOf(keysOf([OTHER_SECRET, SECRET]), ID, TIMESTAMP, BODY)
    expect(both.split(' ')).toHaveLength(2)
    expect(both.split(' ')[1]).toBe(SIGNATURE)
    const headers = { ...HEADERS, 'webhook-signature': both }
    expect(verifyWebhook({ ...GIVEN, headers })).toEqual(VALID)
    expect(verifyWebhook({ ...GIVEN, headers, secret: OTHER_SECRET })).toEqual(VALID)
    expect(verifyWebhook({ ...GIVEN, secret: [OTHER_SECRET, SECRET] })).toEqual(VALID)
  })

  it('signatures are read from the headers of fetch and of node, over bytes as over text', () => {
    expect(verifyWebhook({ ...GIVEN, headers: new Headers(HEADERS), body: Buffer.from(BODY) })).toEqual(VALID)
  })

  it.each([
    ['another body', { body: `${BODY} ` }],
    ['another secret', { secret: OTHER_SECRET }],
    ['another id', { headers: { ...HEADERS, 'webhook-id': 'msg_2' } }],
    ['another timestamp', { headers: { ...HEADERS, 'webhook-timestamp': `${TIMESTAMP + 1}` } }],
    ['another scheme', { headers: { ...HEADERS, 'webhook-signature': SIGNATURE.replace('v1,', 'v2,') } }],
    ['a short signature', { headers: { ...HEADERS, 'webhook-signature': SIGNATURE.slice(0, 20) } }],
    ['an empty one', { headers: { ...HEADERS, 'webhook-signature': 'v1,' } }],
  ])('signatures do not fit %s', (_what, change) => {
    expect(verifyWebhook({ ...GIVEN, ...change })).toEqual({ valid: false, reason: 'signature' })
  })

  it('signatures are too old or from the future beyond the tolerance, five minutes by default', () => {
    const at = (ms: number, toleranceMs?: number) =>
      verifyWebhook({ ...GIVEN, now: TIMESTAMP * 1000 + ms, ...(toleranceMs !== undefined && { toleranceMs }) })
    expect([at(300_000), at(-300_000)]).toEqual([VALID, VALID])
    expect([at(300_001), at(-300_001)]).toEqual([1, 2].map(() => ({ valid: false, reason: 'timestamp' })))
    expect(at(1001, 1000)).toEqual({ valid: false, reason: 'timestamp' })
  })

  it('signatures want an id without a dot: the signature of "a.1" at 2 would be one of "a" at "1.2"', () => {
    const id = 'msg.1'
    const headers = {
      ...HEADERS,
      'webhook-id': id,
      'webhook-signature': signatureOf(keysOf(SECRET), id, TIMESTAMP, BODY),
    }
    expect(verifyWebhook({ secret: SECRET, headers, body: BODY, now: TIMESTAMP * 1000 })).toEqual({
      valid: false,
      reason: 'headers',
    })
  })

  it.each(['webhook-id', 'webhook-timestamp', 'webhook-signature'])('signatures want the header %s', (name) => {
    for (const value of [undefined, '', ['a', 'b']]) {
      expect(verifyWebhook({ ...GIVEN, headers: { ...HEADERS, [name]: value } })).toEqual({
        valid: false,
        reason: 'headers',
      })
    }
  })

  it('signatures want a timestamp in whole seconds', () => {
    for (const timestamp of ['now', '1e3', '-1', ' 1', 'NaN']) {
      const headers = { ...HEADERS, 'webhook-timestamp': timestamp }
      expect(verifyWebhook({ ...GIVEN, headers })).toEqual({ valid: false, reason: 'headers' })
    }
  })
})

describe('secrets', () => {
  it.each([
    ['none', []],
    ['no prefix', 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
    ['not base64', 'whsec_not*base64*not*base64*not*base64'],
    ['too short', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['too long', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['one of two bad', [SECRET, 'whsec_']],
    ['undefined', undefined as unknown as string],
  ])('secrets that cannot be are refused without being shown: %s', (_what, secret) => {
    const fault = caught(() => keysOf(secret))
    expect(isEnfoldFault(fault) && fault.code).toBe('INVALID_INPUT')
    for (const text of [secret ?? []].flat())
      if (text.length > 6) expect(JSON.stringify(fault) + String(fault)).not.toContain(text)
  })
})

function caught(deed: () => unknown): unknown {
  try {
    return deed()
  } catch (error) {
    return error
  }
}

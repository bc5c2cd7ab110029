import dns from 'node:dns'
import type { LookupFunction } from 'node:net'
import { runs } from '@enfold/testkit/runs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isPublicAddress, publicLookup, webhookUrl } from './public-address.ts'

const NOBODY: ReadonlySet<string> = new Set()

describe('addresses', () => {
  it.each(['93.184.215.14', '8.8.8.8', '2606:4700::1111', '::ffff:8.8.8.8'])('%s is public', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it.each([
    ['private', '10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1'],
    ['loopback', '127.0.0.1 127.255.255.254 ::1'],
    ['link-local', '169.254.169.254 fe80::1 fe80::1%eth0'],
    ['unspecified', '0.0.0.0 0.1.2.3 ::'],
    ['shared (RFC 6598)', '100.64.0.1 100.127.255.255'],
    ['multicast and broadcast', '224.0.0.1 239.1.1.1 255.255.255.255 ff02::1'],
    ['reserved', '192.0.0.8 192.0.2.1 198.18.0.1 203.0.113.1 240.0.0.1 2001:db8::1 100::1'],
    ['unique-local and site-local', 'fc00::1 fd12:3456::1 fec0::1'],
    ['IPv4 in IPv6', '::ffff:127.0.0.1 ::ffff:a00:1 ::127.0.0.1 ::ffff:0:7f00:1'],
    ['IPv4 through a translator', '64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:7f00:1:: 2001::1'],
    ['services of a cloud', '168.63.129.16 100.100.100.200 192.0.0.192 ::ffff:168.63.129.16'],
    ['ISATAP', '2001:4860::5efe:a00:1 2606:4700::200:5efe:8.8.8.8 fe80::5efe:7f00:1'],
    ['outside 2000::/3', '4000::1 8000::1'],
    ['no address', 'localhost 1.2.3 0x7f.1 2130706433'],
  ])('%s: none is public', (_what, addresses) => {
    for (const address of addresses.split(' ')) expect([address, isPublicAddress(address)]).toEqual([address, false])
  })
})

describe('literal addresses in a webhook', () => {
  const spellings = ([a, b, c, d]: readonly [number, number, number, number]) => {
    const number = ((a * 256 + b) * 256 + c) * 256 + d
    return [
      `${a}.${b}.${c}.${d}`,
      `${number}`,
      `0x${number.toString(16)}`,
      `0${a.toString(8)}.${b}.${c}.${d}`,
      `0x${a.toString(16)}.${b}.${c * 256 + d}`,
      `[::ffff:${a}.${b}.${c}.${d}]`,
      `[::${a}.${b}.${c}.${d}]`,
      `[64:ff9b::${a}.${b}.${c}.${d}]`,
    ]
  }
  const PRIVATE: readonly (readonly [number, number])[] = [
    [127, 0],
    [10, 1],
    [169, 254],
    [192, 168],
    [100, 64],
  ]
  const byte = fc.integer({ min: 0, max: 255 })

  it('a private one is refused in every spelling', () => {
    const first = fc.constantFrom(...PRIVATE)
    fc.assert(
      fc.property(first, byte, byte, ([a, b], c, d) => {
        for (const host of spellings([a, b, c, d])) {
          expect([host, webhookUrl(`http://${host}/`, NOBODY)]).toEqual([host, 'address-refused'])
        }
      }),
      { numRuns: runs(100) },
    )
  })

  it('a public one is refused in every spelling but the plain one', () => {
    const [plain, ...odd] = spellings([93, 184, 215, 14])
    expect(webhookUrl(`https://${plain}:8443/hook`, NOBODY)).toBeInstanceOf(URL)
    expect(webhookUrl('https://[2606:4700::1111]/hook', NOBODY)).toBeInstanceOf(URL)
    for (const host of odd) expect([host, webhookUrl(`http://${host}/`, NOBODY)]).toEqual([host, 'address-refused'])
  })

  it('a private one that is allowed is refused in other spellings still', () => {
    const allowed = new Set(['127.0.0.1'])
    expect(webhookUrl('http://127.0.0.1:8080/', allowed)).toBeInstanceOf(URL)
    for (const host of ['2130706433', '127.1', '127.0.0.2'])
      expect(webhookUrl(`http://${host}/`, allowed)).toBe('address-refused')
  })

  it.each([
    ['', 'url-invalid'],
    ['/hook', 'url-invalid'],
    ['ftp://shop.test/', 'url-scheme'],
    ['file:///etc/passwd', 'url-scheme'],
    ['javascript:alert(1)', 'url-scheme'],
    ['https://user@shop.test/', 'url-credentials'],
    ['https://:secret@shop.test/', 'url-credentials'],
    ['http://127.0.0.1@shop.test/', 'url-credentials'],
  ])('%j is refused: %s', (text, problem) => {
    expect(webhookUrl(text, NOBODY)).toBe(problem)
  })
})

describe('names', () => {
  const answering = (...addresses: string[]): LookupFunction => {
    const entries = addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
    return (_host, options, callback) =>
      options.all ? callback(null, entries) : callback(null, entries[0]?.address ?? '', entries[0]?.family)
  }
  const lookUp = (host: string, lookup: LookupFunction, all: boolean, allowed = NOBODY) =>
    new Promise((resolve) => {
      publicLookup(allowed, lookup)(host, { all }, (error, address) => resolve(error === null ? address : error.code))
    })

  it('names with public addresses only are answered as they were found', async () => {
    expect(await lookUp('shop.test', answering('8.8.8.8'), false)).toBe('8.8.8.8')
    expect(await lookUp('shop.test', answering('8.8.8.8', '8.8.4.4'), true)).toHaveLength(2)
  })

  it('names with one address that is not public are refused whole', async () => {
    expect(await lookUp('shop.test', answering('127.0.0.1'), false)).toBe('ADDRESS_REFUSED')
    expect(await lookUp('shop.test', answering('8.8.8.8', 'fd00::1'), true)).toBe('ADDRESS_REFUSED')
    expect(await lookUp('localhost', dns.lookup, true)).toBe('ADDRESS_REFUSED')
  })

  it('names that are allowed may have any address, and no other name by it', async () => {
    const allowed = new Set(['hooks.internal'])
    expect(await lookUp('HOOKS.internal.', answering('10.0.0.1'), false, allowed)).toBe('10.0.0.1')
    expect(await lookUp('a.hooks.internal', answering('10.0.0.1'), false, allowed)).toBe('ADDRESS_REFUSED')
  })

  it('names that are not found keep their error', async () => {
    const failing: LookupFunction = (_host, _options, callback) =>
      callback(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), '')
    expect(await lookUp('shop.test', failing, false)).toBe('ENOTFOUND')
  })
})

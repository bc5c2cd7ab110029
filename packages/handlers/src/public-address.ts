/**
 * Where a webhook may go: to hosts on the public internet, and to those that the operator named. Anything else would
 * let anyone who writes a webhook's address reach what only this machine can reach (SSRF).
 */
import dns from 'node:dns'
import { isIP, type LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'

/** Global unicast (RFC 4291, section 2.4). ipaddr.js calls the rest unicast too, `::127.0.0.1` among it. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')

/** Addresses that clouds give to services of the machine itself, though their ranges are public. */
const OF_THE_CLOUD: ReadonlySet<string> = new Set([
  '168.63.129.16', // Azure: the host agent, DNS, health probes
  '100.100.100.200', // Alibaba Cloud: metadata; also in the shared range
  '192.0.0.192', // Oracle Cloud: metadata; also in a reserved range
])

/** ISATAP (RFC 5214): the last 64 bits hold 0000:5efe or 0200:5efe and an IPv4 address, under any prefix. */
function carriesIpv4(address: ipaddr.IPv6): boolean {
  const [, , , , marker, isatap] = address.parts
  return isatap === 0x5efe && (marker === 0 || marker === 0x0200)
}

/**
 * True for an address that anybody on the internet may have: not private, loopback, link-local, multicast, shared
 * (RFC 6598), unique-local, reserved or unspecified, nor an IPv6 form that carries an IPv4 address through a
 * translator or a tunnel (NAT64, 6to4, Teredo, ISATAP), nor one of a cloud's own services. An IPv4-mapped address is what it maps to.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  if (parsed instanceof ipaddr.IPv4) return !OF_THE_CLOUD.has(parsed.toString())
  return parsed.match(GLOBAL_IPV6) && !carriesIpv4(parsed)
}

/** The code of the error with which `publicLookup` refuses. */
export const ADDRESS_REFUSED = 'ADDRESS_REFUSED'

/**
 * A lookup for `http.request`, which connects to its result and asks once: the address that was checked is the
 * one connected to, whatever the name resolves to a moment later (DNS rebinding). One address that is not public
 * refuses the name.
 */
export function publicLookup(allowed: ReadonlySet<string>, lookup: LookupFunction = dns.lookup): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, options, (error, address, family) => {
      if (error) return callback(error, address, family)
      const found = typeof address === 'string' ? [address] : address.map((entry) => entry.address)
      if (allowed.has(hostNameOf(hostname)) || found.every(isPublicAddress)) return callback(null, address, family)
      callback(Object.assign(new Error('The host has an address that is not public.'), { code: ADDRESS_REFUSED }), [])
    })
  }
}

/** As `URL` spells a host, without the dot that ends a fully qualified name. */
export function hostNameOf(host: string): string {
  return host.toLowerCase().replace(/\.$/, '')
}

export type UrlProblem = 'url-invalid' | 'url-scheme' | 'url-credentials' | 'address-refused'

/**
 * The address if a webhook may go there as far as its text tells, or what is wrong with it. A name's addresses are
 * for `publicLookup`; a literal address is never looked up, so it is judged here.
 */
export function webhookUrl(text: string, allowed: ReadonlySet<string>): URL | UrlProblem {
  const url = typeof text === 'string' ? URL.parse(text) : null
  if (url === null) return 'url-invalid'
  if (url.protocol !== 'http:' && url.protocol !== 'https:') return 'url-scheme'
  if (url.username !== '' || url.password !== '') return 'url-credentials'
  const literal = url.hostname.replace(/^\[(.*)\]$/, '$1')
  if (isIP(literal) === 0) return url
  // `URL` reads 2130706433, 0177.1 and 0x7f.1 as addresses. Such a spelling is meant to hide the address.
  const plain = text.toLowerCase().includes(`//${url.hostname}`)
  return plain && (allowed.has(url.hostname) || isPublicAddress(literal)) ? url : 'address-refused'
}

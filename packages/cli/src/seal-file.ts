/**
 * Seals as files: signed with Ed25519, so that anyone with the public key can tell a seal from a forgery. What is
 * sealed, and how a log is held against it, is in `@enfold/core`.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isInstant } from '@enfold/core'
import { LogCheck, type Seal, sealOf, sealText } from '@enfold/core/log'
import { InvalidLogError, UsageError } from './errors.ts'
import { writeNewFiles } from './new-file.ts'
import { placeText, withPlaceShown } from './places.ts'
import type { Answer } from './questions.ts'
import type { Source } from './source.ts'
import { counted, plain } from './text.ts'

/** Writes a new pair of keys: `path` for who seals, `path.pub` for who verifies. Overwrites nothing. */
export function makeKeys(path: string): Answer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const publicPath = `${path}.pub`
  // One key without the other is of no use, and would stand in the way of the next pair.
  writeNewFiles([
    { path, content: privateKey.export({ type: 'pkcs8', format: 'pem' }), mode: 0o600 },
    { path: publicPath, content: publicKey.export({ type: 'spki', format: 'pem' }), mode: 0o644 },
  ])
  return {
    json: { privateKey: placeText(path), publicKey: placeText(publicPath) },
    text: () =>
      `${placeText(path)} seals: keep it from anyone who can write the log. ${placeText(publicPath)} verifies.`,
  }
}

/**
 * Seals the whole log that `source` yields, into a new file: a log that `verify` finds no fault in. A seal on a log that
 * lies would make its lie look like what was true.
 *
 * @param gateMs as for `verify`
 */
export async function sealLog(
  source: Source,
  keyPath: string,
  out: string,
  now: string,
  gateMs: number,
): Promise<Answer> {
  const key = keyOf(keyPath, createPrivateKey, 'a private Ed25519 key (PEM)')
  const check = new LogCheck({ gateMs })
  const seal = await sealOf(checked(source, check), now)
  const signature = sign(null, Buffer.from(sealText(seal)), key).toString('base64')
  writeNewFiles([{ path: out, content: `${JSON.stringify({ ...seal, signature })}\n`, mode: 0o644 }])
  const { events, streams, position, root, sealedAt } = seal
  return {
    json: { out: placeText(out), sealedAt, events, streams, position, root },
    text: () =>
      `${counted(events, 'event')} of ${counted(streams, 'stream')} up to position ${position} sealed in ${placeText(out)}`,
  }
}

/** The events of a log, up to the first that is a fault. */
async function* checked(source: Source, check: LogCheck) {
  for await (const batch of source.batches()) {
    for (const event of batch) {
      const fault = check.add(event)
      if (fault !== null)
        throw new InvalidLogError(
          `${plain(source.name)}:${source.lineOf(fault.number)}: ${fault.rule}: ${plain(fault.message)}. Nothing was sealed; "enfold verify" lists all faults.`,
        )
    }
    yield batch
  }
  for (const fault of check.end())
    throw new InvalidLogError(
      `${plain(source.name)}:${source.lineOf(fault.number)}: ${fault.rule}: ${plain(fault.message)}. Nothing was sealed; "enfold verify" lists all faults.`,
    )
}

/** @throws InvalidLogError if it is no seal, or not signed with the key that belongs to this one */
export function readSeal(path: string, keyPath: string): Seal {
  const key = keyOf(keyPath, createPublicKey, 'a public Ed25519 key (PEM)')
  const text = read(path)
  const seal = sealIn(text)
  if (seal === null) throw new InvalidLogError(`${placeText(path)} is no seal.`)
  if (!verify(null, Buffer.from(sealText(seal)), key, Buffer.from(seal.signature, 'base64')))
    throw new InvalidLogError(
      `${placeText(path)} was not signed with the key of ${placeText(keyPath)}, or was changed since.`,
    )
  return seal
}

function sealIn(text: string): (Seal & { readonly signature: string }) | null {
  let found: Partial<Seal> & { signature?: unknown }
  try {
    found = JSON.parse(text)
  } catch {
    return null
  }
  const isSeal =
    found?.type === 'dev.enfold.Seal' &&
    found.format === 1 &&
    isInstant(found.sealedAt) &&
    [found.events, found.streams, found.position].every((count) => Number.isSafeInteger(count)) &&
    [found.root, found.log, found.signature].every((text) => typeof text === 'string') &&
    Number.isSafeInteger(found.every) &&
    Array.isArray(found.marks) &&
    found.marks.every((mark) => typeof mark === 'string')
  return isSeal ? (found as Seal & { signature: string }) : null
}

function keyOf(path: string, parse: (pem: string) => KeyObject, expected: string): KeyObject {
  let key: KeyObject | undefined
  try {
    key = parse(read(path))
  } catch (error) {
    if (error instanceof UsageError) throw error
  }
  if (key?.asymmetricKeyType === 'ed25519') return key
  throw new UsageError(`${placeText(path)} holds no key that fits; expected ${expected}, as "enfold keygen" writes it.`)
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`${placeText(path)} cannot be read: ${withPlaceShown((error as Error).message, path)}`)
  }
}

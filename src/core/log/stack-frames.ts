import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { pathToFileURL } from 'node:url'
import { asObject } from '../as-object.ts'
import { redactText } from './redact.ts'

/** Limits of a stack: an error may come from a handler, so its stack may have any length. */
const MAX_FRAMES = 10
const MAX_FRAME_CHARS = 500
const MAX_STACK_CHARS = 50_000

/** Source maps by bundle. `undefined` if the map of a bundle cannot be read. */
const maps = new Map<string, SourceMap | undefined>()

/**
 * The frames of a stack, one per line, without the message. A frame of `bundle` (an absolute path) names the file and
 * line of the source, such as `workers/bot/main.ts:90:13`. All other frames stay as they are, those of handler modules
 * too. Undefined if all frames are Node's own. Never throws.
 *
 * The source map is read at the first crash, in the thread that reports it, and then kept. So it costs nothing without a
 * crash.
 */
export function stackFrames(thrown: unknown, bundle: string): string | undefined {
  try {
    const frames = framesOf(thrown)
    if (frames.every((frame) => frame.includes('node:internal'))) return undefined
    return redactText(frames.map((frame) => toSource(frame, bundle)).join('\n'))
  } catch {
    return undefined
  }
}

function framesOf(thrown: unknown): string[] {
  const { message, stack } = asObject(thrown)
  if (typeof message !== 'string' || typeof stack !== 'string') return []
  // The message may have lines that look like frames.
  const start = stack.includes(message) ? stack.indexOf(message) + message.length : 0
  return stack
    .slice(start, start + MAX_STACK_CHARS)
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .slice(0, MAX_FRAMES)
    .map((line) => line.trim().slice(0, MAX_FRAME_CHARS))
}

function toSource(frame: string, bundle: string): string {
  const file = [pathToFileURL(bundle).href, bundle].find((name) => frame.includes(`${name}:`))
  if (file === undefined) return frame
  const start = frame.indexOf(`${file}:`)
  const [place, line, column] = /^:(\d+):(\d+)/.exec(frame.slice(start + file.length)) ?? []
  if (place === undefined) return frame
  const entry = mapOf(bundle)?.findEntry(Number(line) - 1, Number(column) - 1)
  if (entry === undefined || !('originalSource' in entry)) return frame
  // The map names sources from the folder of the bundle: `../../workers/bot/main.ts`.
  const source = entry.originalSource.replace(/^(\.\.\/)+/, '')
  const end = start + file.length + place.length
  return `${frame.slice(0, start)}${source}:${entry.originalLine + 1}:${entry.originalColumn + 1}${frame.slice(end)}`
}

function mapOf(bundle: string): SourceMap | undefined {
  if (!maps.has(bundle)) maps.set(bundle, readMap(`${bundle}.map`))
  return maps.get(bundle)
}

function readMap(path: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // The place in the bundle is better than nothing.
    return undefined
  }
}

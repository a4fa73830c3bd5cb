import { gzip } from '../platform/queue.ts'
import { version } from './job-version.ts'
import type { UnreadEvent } from './jobs.ts'

/**
 * An event of HubSpot's byte by byte, in as many pieces as SQS needs: it takes 1 MiB, and little of what HubSpot may post
 * is more than that when it is gzipped. Joined, the pieces are the whole again.
 */
export function asItCame(body: Uint8Array, traceId: string): UnreadEvent[] {
  const packed = gzip(body)
  const of = Math.ceil(packed.length / longestPiece)
  if (of <= 1) return [{ v: version, type: 'event', unread: packed, traceId }]
  return Array.from({ length: of }, (_, index) => {
    const unread = packed.slice(index * longestPiece, (index + 1) * longestPiece)
    return { v: version, type: 'event', unread, piece: { index, of }, traceId }
  })
}

// In characters of base64; the rest of 1 MiB is for what stands around it.
const longestPiece = 1_000_000

import { isMainThread, type MessagePort, parentPort, workerData } from 'node:worker_threads'
import * as Comlink from 'comlink'
import type { DataDown, DataUp } from '../../src/protocol/data.ts'

// The other end of every wire: answers at once, in a thread or in a process of its own.

function answer(frame: DataUp): DataDown {
  if (frame.kind !== 'deliver') throw new Error(`a ${frame.kind} is not expected`)
  return { kind: 'accepted', incarnation: frame.incarnation, id: frame.id }
}

if (isMainThread) {
  process.on('message', (frame: DataUp) => process.send?.(answer(frame)))
} else {
  parentPort?.on('message', (frame: DataUp) => parentPort?.postMessage(answer(frame)))
  Comlink.expose({ connect: () => {} }, (workerData as { controlPort: MessagePort }).controlPort)
}

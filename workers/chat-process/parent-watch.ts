import { Socket } from 'node:net'
import { LIFE_LINE } from '../../src/protocol/chat-process.ts'

// A thread of its own, because a handler may keep the main thread: when the supervisor's process is gone, this one
// leaves too, whatever it does.
new Socket({ fd: LIFE_LINE })
  .on('error', () => {})
  .on('close', () => process.kill(process.pid, 'SIGKILL'))
  .resume()

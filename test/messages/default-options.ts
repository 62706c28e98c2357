import { FIXED_OPTIONS, type MessagesOptions } from '../../src/messages/options.ts'
import { resolveOptions } from '../../src/options/options.ts'

/** How messages are handled when nobody asks for anything else. */
export const DEFAULT_OPTIONS: MessagesOptions = { ...FIXED_OPTIONS, ...resolveOptions().thread.messages }

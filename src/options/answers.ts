import { z } from 'zod'
import type { AnswerPolicy } from '../protocol/model/bot-settings.ts'

/**
 * Which messages are answered. In a group a bot is one of many that may be meant, and depending on its
 * permissions Feishu tells it all that is said there; so it answers where it is mentioned.
 */
export const answersOption = z
  .strictObject({
    /** In groups: those that mention this bot, `all`, or `none`. Default `mentioned`. */
    groups: z.enum(['mentioned', 'all', 'none']).default('mentioned'),
    /** What other bots write: `ignore`, or `answer` until five of them came in a row without a word of a person. Default `ignore`. */
    bots: z.enum(['ignore', 'answer']).default('ignore'),
    /** Chat ids in which bots answer. Default: all. */
    chats: z.array(z.string().min(1)).optional(),
    /** Open ids of whom they answer to; each app has other open ids for the same people. Default: everybody. */
    users: z.array(z.string().min(1)).optional(),
  })
  .prefault({}) satisfies z.ZodType<AnswerPolicy>

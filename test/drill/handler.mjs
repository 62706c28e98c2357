// What a message makes the handler do is in its text, so that a checker knows what had to come of it.
async function* pieces(text) {
  for (const piece of ['re:', ` ${text}`, '.']) {
    yield piece
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}

export default {
  async message(message, ctx) {
    const { text } = message
    if (text.includes('silent')) return
    if (text.includes('poison')) throw new Error('poisoned')
    if (text.includes('exit-once') && ctx.attempt === 1) process.exit(3)
    if (text.includes('undecided')) {
      await new Promise((resolve) => setTimeout(resolve, 1_200))
      // A run that lost its lease counts no attempt, so the number does not tell the two runs apart.
      if (text.includes(`undecided in ${process.pid},`)) return
    }
    if (text.includes('slow')) await new Promise((resolve) => setTimeout(resolve, 1_200))
    if (text.includes('linger')) await new Promise((resolve) => setTimeout(resolve, 2_500))
    if (text.includes('hang-once') && ctx.attempt === 1) await new Promise(() => {})
    if (text.includes('stream')) await ctx.stream(pieces(text))
    else await ctx.reply(text.includes('upload') ? { file: Buffer.from(text), name: 'text.txt' } : `re: ${text}`)
    if (text.includes('double')) await ctx.reply(`re again: ${text}`)
  },
  async cardAction(event, ctx) {
    await ctx.reply(`pressed: ${event.action.value.name}`)
    return { toast: { type: 'success', content: 'done' } }
  },
}

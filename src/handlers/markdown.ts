import { markdownCard } from '../protocol/model/markdown-card.ts'

/** Matches the second line of a table: `|---|:--:|`. */
const TABLE = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*\|[-:| \t]*$/m

export interface Markdown {
  readonly text: string
  readonly title?: string | undefined
}

/** Converts Markdown to a post, or to a card if it has a table: posts show no tables. */
export function toMarkdownPart({ text, title }: Markdown): { readonly msgType: string; readonly content: string } {
  if (TABLE.test(text)) return { msgType: 'interactive', content: JSON.stringify(markdownCard({ text, title })) }
  const post = { ...(title === undefined ? {} : { title }), content: [[{ tag: 'md', text }]] }
  return { msgType: 'post', content: JSON.stringify({ zh_cn: post }) }
}

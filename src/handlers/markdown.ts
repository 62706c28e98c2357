/** The second line of a table: `|---|:--:|`. */
const TABLE = /^[ \t]*\|?[ \t]*:?-+:?[ \t]*\|[-:| \t]*$/m

/** A mention as texts and posts write it; cards write it in another way. [S] */
const MENTION = /<at user_id="([\w-]+)">[^<]*<\/at>/g

/** The element whose text a streamed answer changes. */
export const STREAM_ELEMENT = 'answer'

export interface Markdown {
  readonly text: string
  readonly title?: string | undefined
}

/** A post unless that cannot show it: posts have no tables. */
export function toMarkdownPart({ text, title }: Markdown): { readonly msgType: string; readonly content: string } {
  if (TABLE.test(text)) return { msgType: 'interactive', content: JSON.stringify(markdownCard({ text, title })) }
  const post = { ...(title === undefined ? {} : { title }), content: [[{ tag: 'md', text }]] }
  return { msgType: 'post', content: JSON.stringify({ zh_cn: post }) }
}

/** A card of schema 2.0 that every reader sees changed. */
export function markdownCard({ text, title }: Markdown): object {
  const content = text.replace(MENTION, '<at id=$1></at>')
  return {
    schema: '2.0',
    config: { update_multi: true },
    ...(title === undefined ? {} : { header: { title: { tag: 'plain_text', content: title } } }),
    body: { elements: [{ tag: 'markdown', element_id: STREAM_ELEMENT, content }] },
  }
}

/** A mention as texts and posts write it; cards write it in another way. [S] */
const MENTION = /<at user_id="([\w-]+)">[^<]*<\/at>/g

/** The element whose text a streamed answer changes. */
export const TEXT_ELEMENT = 'answer'

export interface MarkdownCard {
  readonly text: string
  readonly title?: string | undefined
  /** The text is still being made: readers see it typed. Default false. */
  readonly isStreaming?: boolean
}

/** A card of schema 2.0, which all its readers see changed. */
export function markdownCard({ text, title, isStreaming = false }: MarkdownCard): object {
  return {
    schema: '2.0',
    config: { update_multi: true, streaming_mode: isStreaming },
    ...(title === undefined ? {} : { header: { title: { tag: 'plain_text', content: title } } }),
    body: { elements: [{ tag: 'markdown', element_id: TEXT_ELEMENT, content: cardText(text) }] },
  }
}

/** Markdown as cards have it. */
export function cardText(text: string): string {
  return text.replace(MENTION, '<at id=$1></at>')
}

/** A mention as texts and posts write it. Cards write mentions in another way. [S] */
const MENTION = /<at user_id="([\w-]+)">[^<]*<\/at>/g

/** Id of the card element whose text a streamed answer changes. */
export const TEXT_ELEMENT = 'answer'

export interface MarkdownCard {
  readonly text: string
  readonly title?: string | undefined
  /** The text is not complete yet: readers see it being typed. Default false. */
  readonly isStreaming?: boolean
}

/** Card of schema 2.0. All readers see its changes (`update_multi`). */
export function markdownCard({ text, title, isStreaming = false }: MarkdownCard): object {
  return {
    schema: '2.0',
    config: { update_multi: true, streaming_mode: isStreaming },
    ...(title === undefined ? {} : { header: { title: { tag: 'plain_text', content: title } } }),
    body: { elements: [{ tag: 'markdown', element_id: TEXT_ELEMENT, content: cardText(text) }] },
  }
}

/** Converts Markdown to the form that cards use. */
export function cardText(text: string): string {
  return text.replace(MENTION, '<at id=$1></at>')
}

/** Content of a message that shows a card made before. */
export function cardContent(cardId: string): string {
  return JSON.stringify({ type: 'card', data: { card_id: cardId } })
}

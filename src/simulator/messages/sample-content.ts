import { newId } from '../shared/ids.ts'

/** Message types of users, with sample content in Feishu's form. [D, S; exact optional fields A] */
const SAMPLES = {
  text: () => ({ text: 'hello' }),
  post: () => ({
    title: 'Plan',
    content: [
      [
        { tag: 'text', text: 'first ', style: ['bold'] },
        { tag: 'a', text: 'link', href: 'https://example.com' },
      ],
      [{ tag: 'img', image_key: newId('img_v3_'), width: 300, height: 300 }],
    ],
  }),
  image: () => ({ image_key: newId('img_v3_') }),
  file: () => ({ file_key: newId('file_v3_'), file_name: 'report.pdf' }),
  audio: () => ({ file_key: newId('file_v3_'), duration: 2000 }),
  media: () => ({
    file_key: newId('file_v3_'),
    image_key: newId('img_v3_'),
    file_name: 'clip.mp4',
    duration: 2000,
  }),
  sticker: () => ({ file_key: newId('file_v3_') }),
  interactive: () => ({ title: 'A card', elements: [[{ tag: 'text', text: 'choose' }]] }),
  share_chat: () => ({ chat_id: newId('oc_') }),
  share_user: () => ({ user_id: newId('ou_') }),
  location: () => ({ name: 'Here', longitude: '121.47', latitude: '31.23' }),
  merge_forward: () => ({ content: 'Merged and Forwarded Message' }),
} as const satisfies Record<string, () => object>

export type UserMessageType = keyof typeof SAMPLES

export const USER_MESSAGE_TYPES = Object.keys(SAMPLES) as readonly UserMessageType[]

export function sampleContent(type: UserMessageType): Readonly<Record<string, unknown>> {
  return SAMPLES[type]()
}

/**
 * Replaces axios in the bot bundle (see build.mjs). The SDK creates its default HTTP instance while loading. All our
 * calls go through workers/bot/http/http.ts instead.
 */
export class AxiosError extends Error {}

const interceptors = { request: { use: (): void => {} }, response: { use: (): void => {} } }

const refuse = (): never => {
  throw new Error('the bot worker calls Feishu through its own HTTP client')
}

export default { create: () => ({ interceptors, request: refuse, get: refuse, post: refuse }) }

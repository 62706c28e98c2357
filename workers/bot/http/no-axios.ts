/**
 * Stands in for axios inside the bot bundle (see build.mjs). The SDK creates its default HTTP
 * instance while loading; every call of ours goes through workers/bot/http/http.ts instead.
 */
export class AxiosError extends Error {}

const interceptors = { request: { use: (): void => {} }, response: { use: (): void => {} } }

const refuse = (): never => {
  throw new Error('the bot worker calls Feishu through its own HTTP client')
}

export default { create: () => ({ interceptors, request: refuse, get: refuse, post: refuse }) }

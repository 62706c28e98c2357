import { once } from 'node:events'
import { WebSocket } from 'ws'
import { closeLater, post, type TestApp } from '../support/simulator.ts'
import { type HandFrame, readFrame, writeFrame } from './hand-frame.ts'

/** A client of the long connection made from its description alone: nothing in it is of any SDK. */
export class HandClient {
  readonly socket: WebSocket
  readonly endpoint: string
  readonly #service: number
  readonly #frames: HandFrame[] = []
  #wake = (): void => {}

  private constructor(endpoint: string) {
    this.endpoint = endpoint
    this.#service = Number(new URL(endpoint).searchParams.get('service_id'))
    this.socket = new WebSocket(endpoint)
    closeLater(() => this.socket.terminate())
    this.socket.on('message', (data: Buffer) => {
      this.#frames.push(readFrame(data))
      this.#wake()
    })
  }

  static async connect(url: string, { appId, appSecret }: TestApp): Promise<HandClient> {
    const { body } = await post(`${url}/callback/ws/endpoint`, { AppID: appId, AppSecret: appSecret })
    const client = new HandClient((body['data'] as { URL: string }).URL)
    await once(client.socket, 'open')
    return client
  }

  ping(): void {
    this.socket.send(writeFrame(this.#service, 0, { type: 'ping' }))
  }

  /** Echoes the headers, as every SDK does, with this answer. */
  ack({ headers, service }: HandFrame, answer: object): void {
    this.socket.send(writeFrame(service, 1, { ...headers, biz_rt: '1' }, JSON.stringify(answer)))
  }

  get receivedCount(): number {
    return this.#frames.length
  }

  async next(method: 0 | 1): Promise<HandFrame> {
    for (;;) {
      const index = this.#frames.findIndex((frame) => frame.method === method)
      if (index >= 0) return this.#frames.splice(index, 1)[0] as HandFrame
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }
}

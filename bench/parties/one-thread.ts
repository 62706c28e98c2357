import { Client, EventDispatcher, WSClient } from '@larksuiteoapi/node-sdk'
import { readBoot, serveOrders } from '../process/serve-orders.ts'
import { commonOrders, singleThread, type SubjectBoot, type SubjectOrders } from '../process/subject-orders.ts'
import { answer, quiet, type Received } from './sdk.ts'

// Baseline A: all bots on one thread with the official SDK; acknowledged before the work, nothing is kept.

const { url, apps } = readBoot() as SubjectBoot

for (const app of apps) {
  const client = new Client({ ...app, domain: url, ...quiet })
  const eventDispatcher = new EventDispatcher(quiet).register({
    'im.message.receive_v1': ({ message }: Received) => {
      void answer(client, message)
    },
  })
  void new WSClient({ ...app, domain: url, ...quiet }).start({ eventDispatcher })
}

serveOrders<SubjectOrders>({ ...commonOrders(), ...singleThread, stop: () => Promise.resolve() })

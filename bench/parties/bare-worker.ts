import { workerData } from 'node:worker_threads'
import { EventDispatcher, WSClient } from '@larksuiteoapi/node-sdk'
import type { SimulatedApp } from '../../src/simulator/shared/app-directory.ts'
import { quiet } from './sdk.ts'

// The least a bot can be: a thread with the SDK's connection and nothing else. Built twice, with the SDK
// tree-shaken into the file and with the whole package required.

const { app, url } = workerData as { app: SimulatedApp; url: string }
void new WSClient({ ...app, domain: url, ...quiet }).start({ eventDispatcher: new EventDispatcher(quiet) })

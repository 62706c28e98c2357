import type { Hono } from 'hono'
import { ApiLimits } from './open-api/api-limits.ts'
import { AppDirectory } from './shared/app-directory.ts'
import { CardCallbacks } from './messages/card-callbacks.ts'
import { CardStore } from './cards/card-store.ts'
import type { Clock } from '../core/time/clock.ts'
import { discoveryRoutes } from './gateway/discovery-routes.ts'
import { EventDelivery } from './events/event-delivery.ts'
import { FaultPlan } from './faults/fault-plan.ts'
import { FileStore } from './messages/file-store.ts'
import { Gateway } from './gateway/gateway.ts'
import type { GatewayConnection } from './gateway/gateway-connection.ts'
import { History } from './history/history.ts'
import type { PlatformEnv } from './http/http-answer.ts'
import { seededRandom } from './shared/ids.ts'
import { ChatStore } from './messages/chat-store.ts'
import { MessageEdits } from './messages/message-edits.ts'
import { apiRoutes } from './open-api/api-routes.ts'
import { CallLimit } from './shared/rate-limits.ts'
import { Reactions } from './messages/reactions.ts'
import type { ResolvedSimulatorOptions } from './simulator-options.ts'
import { TokenIssuer } from './open-api/token-issuer.ts'
import { Users } from './users/users.ts'
import { WebhookPusher } from './events/webhook-pusher.ts'

/** The connected parts of a simulator. */
export type Platform = ReturnType<typeof createPlatform>

export function createPlatform(options: ResolvedSimulatorOptions, clock: Clock) {
  const { timeScale, ackDeadlineMs, seed, fragmentBytes, clientConfig, limits, assumptions } = options
  const { perChat, perMessage } = limits
  const { repeatedUuid } = assumptions
  const history = new History()
  const apps = new AppDirectory()
  const tokens = new TokenIssuer(clock)
  const failures = new FaultPlan((call, appId) => history.append({ kind: 'fault_applied', call, appId }))
  const cards = new CardStore(history, clock)
  const chats = new ChatStore(clock, cards, { perChat, repeatedUuid })
  const edits = new MessageEdits({ chats, history, patchLimit: new CallLimit(perMessage, clock), clock })
  const callbacks = new CardCallbacks(chats, edits, clock)
  const webhooks = new WebhookPusher({ deadlineMs: ackDeadlineMs, now: () => clock.now() })
  const delivery = new EventDelivery({
    timeScale,
    ackDeadlineMs,
    assumptions,
    random: seededRandom(seed),
    connectionsOf: (appId): readonly GatewayConnection[] => gateway.connectionsOf(appId),
    verificationTokenOf: (appId) => apps.require(appId).verificationToken ?? '',
    webhooks,
    clock,
    history,
  })
  const gateway = new Gateway({
    clientConfig,
    fragmentBytes,
    assumptions,
    failures,
    history,
    clock,
    listener: delivery,
  })
  const requireApp = (appId: string): unknown => apps.require(appId)
  const users = new Users({ chats, callbacks, delivery, history, clock, requireApp })
  const mount = (app: Hono<PlatformEnv>): Hono<PlatformEnv> =>
    app.route('/', discoveryRoutes({ apps, failures, history, assumptions, gateway, clientConfig, clock })).route(
      '/open-apis',
      apiRoutes({
        clock,
        apps,
        failures,
        history,
        assumptions,
        gateway,
        tokens,
        chats,
        edits,
        cards,
        callbacks,
        limits: new ApiLimits(limits, clock),
        reactions: new Reactions({ chats, history, clock }),
        files: new FileStore(chats),
      }),
    )
  return { history, apps, tokens, failures, chats, webhooks, delivery, gateway, users, mount }
}

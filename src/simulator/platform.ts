import type { Hono } from 'hono'
import { ApiLimits } from './api-limits.ts'
import { AppDirectory } from './app-directory.ts'
import { CardCallbacks } from './card-callbacks.ts'
import { CardDesk } from './card-desk.ts'
import type { Clock } from '../core/clock.ts'
import { discoveryRoutes } from './discovery.ts'
import { EventDelivery } from './event-delivery.ts'
import { FaultPlan } from './fault-plan.ts'
import { FileDesk } from './file-desk.ts'
import { Gateway } from './gateway.ts'
import type { GatewayConnection } from './gateway-connection.ts'
import { History } from './history.ts'
import type { PlatformEnv } from './http-answer.ts'
import { seededRandom } from './ids.ts'
import { MessageBoard } from './message-board.ts'
import { MessageDesk } from './message-desk.ts'
import { openApiRoutes } from './open-api.ts'
import { RateLimit } from './rate-limits.ts'
import { ReactionDesk } from './reaction-desk.ts'
import type { ResolvedOptions } from './simulator-options.ts'
import { TokenDesk } from './token-desk.ts'
import { Users } from './users.ts'
import { WebhookPusher } from './webhook-pusher.ts'

/** The parts of a simulator, joined. */
export type Platform = ReturnType<typeof createPlatform>

export function createPlatform(options: ResolvedOptions, clock: Clock) {
  const { timeScale, ackDeadlineMs, seed, fragmentBytes, clientConfig, limits, assumptions } = options
  const { perChat, perMessage } = limits
  const { repeatedUuid } = assumptions
  const history = new History()
  const apps = new AppDirectory()
  const tokens = new TokenDesk(clock)
  const failures = new FaultPlan((call, appId) => history.append({ kind: 'fault_applied', call, appId }))
  const cards = new CardDesk(history, clock)
  const board = new MessageBoard(clock, cards, { perChat, repeatedUuid })
  const desk = new MessageDesk({ board, history, patchLimit: new RateLimit(perMessage, clock), clock })
  const callbacks = new CardCallbacks(board, desk, clock)
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
  const users = new Users({ board, callbacks, delivery, history, clock, requireApp })
  const mount = (app: Hono<PlatformEnv>): Hono<PlatformEnv> =>
    app.route('/', discoveryRoutes({ apps, failures, history, assumptions, gateway, clientConfig, clock })).route(
      '/open-apis',
      openApiRoutes({
        clock,
        apps,
        failures,
        history,
        assumptions,
        gateway,
        tokens,
        board,
        desk,
        cards,
        callbacks,
        limits: new ApiLimits(limits, clock),
        reactions: new ReactionDesk({ board, history, clock }),
        files: new FileDesk(board),
      }),
    )
  return { history, apps, tokens, failures, board, webhooks, delivery, gateway, users, mount }
}

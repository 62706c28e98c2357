/**
 * Meaning of an answer for a reply:
 * `retry`: a temporary problem of Feishu; the message may have been shown.
 * `wait`: a frequency limit; the message was not shown.
 * `refresh_token`: send again with a fresh token; the message was not shown.
 * `send_alone`: the message to answer is gone for good, its chat is not; the reply was not shown.
 * `dead`: only a person can fix the cause; the message was not shown.
 */
export type FeishuVerdict = 'retry' | 'wait' | 'refresh_token' | 'send_alone' | 'dead'

/** Source of a code: documented, read in SDK source, or reported from the field. */
type Source = 'D' | 'S' | 'F'

export interface FeishuCode {
  readonly code: number
  readonly verdict: FeishuVerdict
  readonly source: Source
  readonly meaning: string
}

type Row = readonly [number, FeishuVerdict, Source, string]

/**
 * The chat's own limit, shared by all bots in the chat. The SDK's channel treats it as a withdrawn message, and 99991400
 * as a missing permission. This table exists for such reasons.
 */
export const CHAT_LIMIT = 230020

const ROWS: readonly Row[] = [
  // Any call.
  [2200, 'retry', 'D', 'internal error of Feishu'],
  [5000, 'retry', 'D', 'internal error of Feishu'],
  [9499, 'dead', 'D', 'bad request'],
  [99991400, 'wait', 'D', 'the app calls too often'],
  [99991401, 'dead', 'D', "the app's IP allow-list excludes this host"],
  [99991403, 'dead', 'D', "the tenant's monthly quota of calls is used up"],
  [99991661, 'refresh_token', 'D', 'the access token is missing'],
  [99991662, 'dead', 'D', 'the app is not in use'],
  [99991663, 'refresh_token', 'D', 'the tenant token is invalid or expired'],
  [99991664, 'refresh_token', 'D', 'the app token is invalid'],
  [99991665, 'refresh_token', 'D', 'the tenant token is invalid'],
  // Bots use no user tokens, so a fresh token does not help with these three.
  [99991668, 'dead', 'D', 'the user token is invalid'],
  [99991671, 'dead', 'D', 'the token has the wrong prefix'],
  [99991677, 'dead', 'D', 'the user token is expired'],
  [99991672, 'dead', 'D', 'the app lacks a permission scope'],
  [99991673, 'dead', 'D', 'the app is not installed or not usable'],
  [99991679, 'dead', 'D', 'the user has not authorized the app'],
  [99992351, 'dead', 'D', 'an id does not exist'],
  [99992354, 'dead', 'D', 'an id does not exist'],
  [99992356, 'dead', 'D', 'an id does not exist'],
  [99992361, 'dead', 'D', 'the open_id belongs to another app'],
  [99992402, 'dead', 'D', 'a field is not valid'],

  // The access token. A person has to fix most causes. The waiting replies are sent after that.
  [10003, 'retry', 'D', 'the app id is not valid'],
  [10005, 'retry', 'D', 'the app is not authorized'],
  [10012, 'retry', 'D', 'no token was issued'],
  [10013, 'retry', 'D', 'no token was issued'],
  [10014, 'retry', 'F', 'the app secret is wrong, or the app is stopped'],
  [10015, 'retry', 'D', 'the app secret is wrong'],

  // Messages.
  [230001, 'dead', 'D', 'a parameter is not valid'],
  [230002, 'dead', 'D', 'the bot is not in the group'],
  [230006, 'dead', 'D', "the app's bot ability is off"],
  [230011, 'send_alone', 'D', 'the message to answer was recalled'],
  [230013, 'dead', 'D', "the user is outside the bot's availability or has left the company"],
  [230015, 'dead', 'D', 'listed for messages; its text is not known here'],
  [230017, 'dead', 'D', 'the bot does not own the resource'],
  [230018, 'dead', 'D', 'the settings of the group forbid it'],
  [230019, 'send_alone', 'D', 'the topic of the message to answer does not exist'],
  [CHAT_LIMIT, 'wait', 'D', 'too many messages to this chat'],
  [230022, 'dead', 'D', 'the content is sensitive'],
  [230025, 'dead', 'D', 'the content is too long'],
  [230027, 'dead', 'D', 'the bot lacks the permission'],
  [230028, 'dead', 'D', 'the data loss prevention of the tenant refused the content'],
  [230029, 'dead', 'D', 'the user has resigned'],
  [230031, 'dead', 'D', 'the message is older than 14 days'],
  [230034, 'dead', 'D', 'the receiver is not valid'],
  [230035, 'dead', 'D', 'the bot is muted or blocked'],
  [230036, 'dead', 'D', 'listed for messages; its text is not known here'],
  [230038, 'dead', 'D', 'no p2p messages across tenants'],
  [230049, 'retry', 'D', 'a message with this uuid is being sent'],
  // Not `send_alone`: the message may become visible again, and a later try could then answer it although the reply was
  // already sent alone. A recalled, deleted or missing message stays so.
  [230050, 'dead', 'D', 'the message to answer is invisible to the bot'],
  [230053, 'dead', 'D', 'the user has stopped the bot'],
  [230054, 'dead', 'D', 'the message type does not support this'],
  [230055, 'dead', 'D', 'the file is not of the message type'],
  [230071, 'dead', 'D', 'the chat does not support replies in threads'],
  [230072, 'dead', 'D', 'the message does not support replies in threads'],
  [230075, 'dead', 'D', 'listed for messages; its text is not known here'],
  [230099, 'dead', 'D', 'the card is not valid'],
  [230110, 'send_alone', 'D', 'the message to answer was deleted'],
  [230111, 'dead', 'D', 'listed for messages; its text is not known here'],
  // Cards.
  [200740, 'dead', 'D', 'the card does not exist'],
  [200750, 'dead', 'D', 'the card has expired'],
  // A new try has a new sequence and a new uuid.
  [200770, 'retry', 'D', 'the uuid was used for another change of the card'],
  [200810, 'retry', 'D', 'the card is in use at this moment'],
  [200850, 'dead', 'D', 'the streaming of the card has timed out'],
  [200860, 'dead', 'D', 'the card is too big'],
  [300305, 'dead', 'D', 'the card has too many components'],
  [300309, 'dead', 'D', 'the card does not stream any more'],
  [300311, 'dead', 'D', 'the card belongs to another app'],
  [300313, 'dead', 'D', 'listed for cards; its text is not known here'],
  [300317, 'retry', 'D', 'a later change of the card came first'],
  [232009, 'dead', 'D', 'the chat is dissolved'],
]

export const FEISHU_CODES: ReadonlyMap<number, FeishuCode> = new Map(
  ROWS.map(([code, verdict, source, meaning]) => [code, { code, verdict, source, meaning }]),
)

/**
 * Judges an answer that is no success. The code decides, because older gateways answer 200 with an error code. The
 * status decides only if the code is unknown.
 */
export function judgeAnswer(status: number, code: number): FeishuVerdict {
  const known = FEISHU_CODES.get(code)
  if (known !== undefined) return known.verdict
  if (status === 429) return 'wait'
  return status >= 500 ? 'retry' : 'dead'
}

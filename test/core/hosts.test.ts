import { describe, expect, it } from 'vitest'
import { isDirect } from '../../src/core/hosts.ts'

describe('a host', () => {
  it.each<[string, string[], boolean]>([
    ['https://open.feishu.cn/x', [], false],
    ['https://open.feishu.cn/x', ['*'], true],
    ['https://open.feishu.cn/x', ['feishu.cn'], true],
    ['https://open.feishu.cn/x', ['.feishu.cn'], true],
    ['https://open.feishu.cn/x', ['*.feishu.cn'], true],
    ['https://open.feishu.cn/x', ['OPEN.feishu.CN'], true],
    ['https://open.feishu.cn/x', ['other.cn', 'open.feishu.cn:443'], true],
    ['https://open.feishu.cn/x', ['open.feishu.cn:80'], false],
    ['wss://msg-frontier.feishu.cn/ws', ['feishu.cn:443'], true],
    ['ws://feishu.test:8080/ws', ['feishu.test:8080'], true],
    ['https://notfeishu.cn/x', ['feishu.cn'], false],
    ['https://feishu.cn.evil.example/', ['feishu.cn'], false],
    ['https://10.0.0.7/', ['10.0.0.7'], true],
    ['https://[2001:db8::1]/', ['2001:db8::1'], true],
    ['https://[2001:db8::1]:8443/', ['[2001:db8::1]:8443'], true],
    ['https://open.feishu.cn/', ['', '.'], false],
    ['http://127.0.0.1:3400/', [], true],
    ['http://127.9.9.9/', [], true],
    ['http://localhost:1/', [], true],
    ['http://[::1]:1/', [], true],
    ['http://127.evil.example/', [], false],
  ])('%s with %j is direct: %s', (url, noProxy, expected) => {
    expect(isDirect(new URL(url), noProxy)).toBe(expected)
  })
})

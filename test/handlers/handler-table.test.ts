import { describe, expect, it } from 'vitest'
import { HANDLER_NAMES } from '../../src/handlers/define-handler.ts'
import { toCardResponse } from '../../workers/chat/card-response.ts'
import { toHandlerTable } from '../../src/handlers/handler-table.ts'

const handler = (): void => {}

describe('a default export', () => {
  it('is a function for messages', () => {
    expect([...toHandlerTable(handler)]).toEqual([['message', handler]])
  })

  it('is an object with a function per kind of event', () => {
    const all = Object.fromEntries(Object.values(HANDLER_NAMES).map((name) => [name, handler]))
    expect([...toHandlerTable(all).keys()]).toEqual(Object.keys(HANDLER_NAMES))
    expect([...toHandlerTable({ menu: handler, reaction: undefined }).keys()]).toEqual(['menu'])
  })

  it.each([
    ['nothing', undefined, /expected a function or an object of functions/],
    ['null', null, /expected a function or an object of functions/],
    ['an empty object', {}, /at least one of message, reaction/],
    ['a typing mistake', { message: handler, cardActions: handler }, /"cardActions" is unknown: use message/],
    ['a name of every object', { constructor: handler }, /"constructor" is unknown: use/],
    ['a value', { message: 'x' }, /"message" is not a function/],
  ])('is not %s', (_name, exported, reason) => {
    expect(() => toHandlerTable(exported)).toThrow(reason)
  })
})

describe('the answer of a card handler', () => {
  it.each([
    [undefined, undefined],
    [null, undefined],
    [{}, {}],
    [{ toast: { type: 'success', content: 'done' } }, { toast: { type: 'success', content: 'done' } }],
    [{ card: { type: 'raw', data: { elements: [] } } }, { card: { type: 'raw', data: { elements: [] } } }],
    [
      { toast: undefined, card: { type: 'template', data: { template_id: 't' } } },
      { card: { type: 'template', data: { template_id: 't' } } },
    ],
  ])('%j', (returned, response) => {
    expect(toCardResponse(returned)).toEqual(response)
  })

  it.each([
    ['a text', 'done', /must return nothing, or an object/],
    ['a list', [], /must return nothing, or an object/],
    ['an unknown toast', { toast: { type: 'fine', content: 'x' } }, /toast\.type/],
    ['an empty toast', { toast: { type: 'info', content: '' } }, /toast\.content/],
    ['an unknown card', { card: { type: 'card', data: {} } }, /card\.type/],
    ['a card of text', { card: { type: 'raw', data: '{}' } }, /card\.data/],
    ['a card too big', { card: { type: 'raw', data: { x: 'x'.repeat(100_000) } } }, /more than 100000 bytes/],
  ])('is not %s', (_name, returned, reason) => {
    expect(() => toCardResponse(returned)).toThrow(reason)
  })
})

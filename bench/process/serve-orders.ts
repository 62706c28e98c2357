/** What one process of a run can be told to do. */
export type OrderTable<O> = { readonly [K in keyof O]: (argument: never) => unknown }

export type ToParty = { readonly id: number; readonly order: string; readonly argument: unknown }

export type FromParty =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly message: string }

/** The configuration given by the parent. */
export function readBoot(): unknown {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Carries out the parent's orders, and says that this process is ready for them. It ends with its parent. */
export function serveOrders<O extends OrderTable<O>>(orders: O): void {
  const tell = (notice: FromParty): void => void (process.connected && process.send?.(notice))
  process.on('message', ({ id, order, argument }: ToParty) => {
    const run = orders[order as keyof O] as OrderTable<O>[keyof O]
    Promise.resolve()
      .then(() => run(argument as never))
      .then(
        (value) => tell({ kind: 'done', id, value }),
        (thrown: unknown) => tell({ kind: 'failed', id, message: String(thrown) }),
      )
  })
  process.on('disconnect', () => process.exit(0))
  tell({ kind: 'ready' })
}

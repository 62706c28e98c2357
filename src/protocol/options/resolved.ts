/** Options with every default filled in. Groups of options are resolved too. */
export type Resolved<Options> = {
  readonly [Key in keyof Options]-?: ResolvedValue<Exclude<Options[Key], undefined>>
}

type ResolvedValue<Value> = Value extends string | number | boolean | readonly unknown[] ? Value : Resolved<Value>

/** The same where only the options `Keys` have a default. */
export type WithDefaults<Options, Keys extends keyof Options> = Omit<Options, Keys> & Resolved<Pick<Options, Keys>>

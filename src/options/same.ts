/**
 * Keys in which two types differ: keys of only one type, and keys that are optional in only one type or have another
 * type. `readonly` is ignored. `Nothing<Difference<A, B>>` compiles only without differences; otherwise the compiler
 * names the keys.
 */
export type Difference<A, B> = {
  [Key in keyof A | keyof B]-?: Key extends keyof A & keyof B
    ? IsSame<Plain<Pick<A, Key>>, Plain<Pick<B, Key>>> extends true
      ? never
      : Key
    : Key
}[keyof A | keyof B]

export type Nothing<Keys extends never> = Keys

type IsSame<A, B> = [A, B] extends [B, A] ? true : false

type Plain<T> = T extends (...args: never[]) => unknown
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Plain<Item>[]
    : T extends object
      ? { readonly [Key in keyof T]: Plain<T[Key]> }
      : T

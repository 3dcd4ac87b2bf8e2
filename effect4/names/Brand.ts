import type * as Brand4 from "effect4/Brand"

export * from "effect4/Brand"

export type Brand<Key extends string> = Brand4.Brand<Key>

export declare namespace Brand {
  export type Constructor<A extends Brand4.Brand<string>> = Brand4.Constructor<
    A
  >
}

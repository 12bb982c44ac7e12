/** How a record is declared as data: types, JSON Schema and documentation are made of such tables. */

interface FieldOf<T extends string> {
  readonly type: T;
  readonly doc: string;
  readonly optional?: true;
  readonly values?: readonly string[];
  /** Regular expression of JSON Schema (ECMA-262, with the flag u) that a text matches. */
  readonly pattern?: string;
  /** Least value of a number. */
  readonly minimum?: number;
}
export type Field = FieldOf<
  'string' | 'integer' | 'number' | 'boolean' | 'strings' | 'object' | 'objects'
>;
export type Fields = Readonly<Record<string, Field>>;

interface Primitive {
  string: string;
  integer: number;
  number: number;
  boolean: boolean;
  strings: readonly string[];
  object: Readonly<Record<string, unknown>>;
  objects: readonly Readonly<Record<string, unknown>>[];
}
type ValueOf<F extends Field> = F extends { readonly values: readonly (infer V)[] }
  ? V
  : Primitive[F['type']];
type OptionalKeys<S extends Fields> = {
  [K in keyof S]: S[K] extends { readonly optional: true } ? K : never;
}[keyof S];
/** The object type that a field table describes. */
export type ObjectOf<S extends Fields> = {
  readonly [K in Exclude<keyof S, OptionalKeys<S>>]: ValueOf<S[K]>;
} & { readonly [K in OptionalKeys<S>]?: ValueOf<S[K]> };

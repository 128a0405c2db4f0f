// What the tests use of Node, whose own types would have to be installed. For the type checker alone: nothing here is run.

declare module "node:assert/strict" {
  namespace assert {
    function ok(value: unknown, message?: string): asserts value;
    function equal<T>(found: T, expected: Given<T> | null, message?: string): void;
    function notEqual<T>(found: T, unexpected: Given<T> | null, message?: string): void;
    function deepEqual<T>(found: T, expected: Given<T>, message?: string): void;
    function fail(message: string): never;
  }
  export default assert;
}

declare module "node:test" {
  export default function test(name: string, run: () => void): void;
}

declare module "node:buffer" {
  export const Buffer: { from(bytes: ArrayBufferLike): { toString(encoding: "base64"): string } };
}

/** A type that is inferred from the other places where it stands, so that this one has to be of it. */
type Given<T> = [T][T extends any ? 0 : never];
/** Some members of an object, of theirs, and of what its functions give back. */
type Some<T> = T extends (...of: infer Of) => infer Back ? (...of: Of) => Some<Back> : T extends object ? { [Key in keyof T]?: Some<T[Key]> } : T;

// Stand-ins for what needs a page.

/**
 * An object with just those members that a test needs; each is of the type that it stands for.
 * @template T @param {Some<Given<T>>} members @returns {T}
 */
export const standIn = (members) => /** @type {any} */ (members);

/**
 * What is there, and is no null.
 * @template T @param {T} value @returns {NonNullable<T>}
 */
export function present(value) {
  if (value === null || value === undefined) throw new Error("nothing is there");
  return value;
}

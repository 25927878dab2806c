/** Values that are costly to make, by what they follow from. Bounded: a test may ask for any number of them. */
export class Kept<Value> {
  readonly #values = new Map<string, Value>();
  readonly #most: number;

  constructor(most = 5_000) {
    this.#most = most;
  }

  get(id: string, make: () => Value): Value {
    const kept = this.#values.get(id);
    if (kept !== undefined || this.#values.has(id)) return kept as Value;
    const value = make();
    if (this.#values.size === this.#most) this.#values.clear();
    this.#values.set(id, value);
    return value;
  }
}

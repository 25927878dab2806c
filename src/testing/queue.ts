/** First in, first out, at the same cost however long it is. */
export class Queue<T> {
  #items: T[] = [];
  /** Before it, all was taken. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): T | undefined {
    return this.#items[this.#head];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Puts `item` in front of all at the end for which `isLater`. */
  insert(item: T, isLater: (other: T) => boolean): void {
    let place = this.#items.length;
    while (place > this.#head && isLater(this.#items[place - 1] as T)) place -= 1;
    this.#items.splice(place, 0, item);
  }

  take(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined as T;
    this.#head += 1;
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** `item` in the place of the first. */
  replaceFirst(item: T): void {
    this.#items[this.#head] = item;
  }

  clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}

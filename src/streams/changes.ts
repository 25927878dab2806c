/** Lets code wait for a condition over shared state; whoever changes the state calls `notify`. */
export class Changes {
  /** None while nobody waits. */
  #watchers: Set<() => void> | undefined;

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!condition()) return;
        this.#watchers?.delete(watch);
        if (this.#watchers?.size === 0) this.#watchers = undefined;
        resolve();
      };
      this.#watchers = (this.#watchers ?? new Set()).add(watch);
    });
  }

  notify(): void {
    if (this.#watchers === undefined) return;
    for (const watch of [...this.#watchers]) watch();
  }
}

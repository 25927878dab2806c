/** Lets code wait for a condition over shared state; whoever changes the state calls `notify`. */
export class Changes {
  readonly #watchers = new Set<() => void>();

  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const watch = (): void => {
        if (!condition()) return;
        this.#watchers.delete(watch);
        resolve();
      };
      this.#watchers.add(watch);
    });
  }

  notify(): void {
    if (this.#watchers.size === 0) return;
    for (const watch of [...this.#watchers]) watch();
  }
}

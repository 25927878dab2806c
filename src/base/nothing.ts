/** Does nothing. One for all: a function for each connection would cost each its memory. */
export const nothing = (): void => {};

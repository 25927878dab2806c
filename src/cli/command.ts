/** One command of the program. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** What `tacit COMMAND --help` prints. */
  readonly help: string;
  /**
   * @param args what stands behind the command's name
   * @returns the exit status
   * @throws {UsageError} what the user can mend; any other error is a failure
   */
  run(args: readonly string[]): Promise<number>;
}

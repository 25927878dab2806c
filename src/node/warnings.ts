/**
 * A warning that is given once in a process, however often it is called for.
 * @param type and `code` as `process.emitWarning` takes them
 */
export function warningOnce(text: string, type?: string, code?: string): () => void {
  let isGiven = false;
  return () => {
    if (isGiven) return;
    isGiven = true;
    process.emitWarning(text, type, code);
  };
}

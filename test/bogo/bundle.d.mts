/** Makes one plain JavaScript file of the shim, at `outfile`, that can be executed. */
export function bundleShim(outfile: string): Promise<void>;

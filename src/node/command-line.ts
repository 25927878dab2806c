/** Whether Node was given a flag, on its command line or by NODE_OPTIONS. */
export function isSaid(flag: string): boolean {
  return words().includes(flag);
}

/** The value of a flag: `--flag=value` or `--flag value`, the last one. */
export function valueSaid(flag: string): string | undefined {
  const all = words();
  const place = all.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (place === -1) return undefined;
  return all[place] === flag ? all[place + 1] : all[place]?.slice(flag.length + 1);
}

function words(): readonly string[] {
  return [...(process.env['NODE_OPTIONS'] ?? '').split(' '), ...process.execArgv];
}

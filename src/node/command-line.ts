/** As they were when the process began: what a program sets later is for its children. */
const given: readonly string[] = [
  ...(startEnvironment('NODE_OPTIONS') ?? '').split(' '),
  ...process.execArgv,
].map(flagOf);

/** A variable that Node reads at its start, as it was then; nothing where the process has another's rights, as in Node. */
export function startEnvironment(name: string): string | undefined {
  const hasOthersRights =
    process.getuid?.() !== process.geteuid?.() || process.getgid?.() !== process.getegid?.();
  return hasOthersRights ? undefined : process.env[name];
}

/** Whether Node was given a flag, on its command line or by NODE_OPTIONS; undefined where it was not mentioned. */
export function isSaid(flag: string): boolean | undefined {
  const last = given.findLast((word) => word === flag || word === flag.replace(/^--/, '--no-'));
  return last === undefined ? undefined : last === flag;
}

/** The value of a flag: `--flag=value` or `--flag value`, the last one. */
export function valueSaid(flag: string): string | undefined {
  const place = given.findLastIndex((word) => word === flag || word.startsWith(`${flag}=`));
  if (place === -1) return undefined;
  return given[place] === flag ? given[place + 1] : given[place]?.slice(flag.length + 1);
}

/** Node takes underscores in the names of its flags for hyphens. */
function flagOf(word: string): string {
  const [name = '', ...value] = word.split('=');
  return name.startsWith('--') ? [name.replaceAll('_', '-'), ...value].join('=') : word;
}

/** A DER value: the tag, the shortest length, the contents joined. */
export function der(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  const content = Buffer.concat(contents);
  const length: number[] = [];
  if (content.length < 0x80) length.push(content.length);
  else {
    for (let rest = content.length; rest > 0; rest = Math.floor(rest / 256)) length.unshift(rest % 256);
    length.unshift(0x80 | length.length);
  }
  return new Uint8Array(Buffer.concat([Uint8Array.of(tag, ...length), content]));
}

export function sequence(...contents: readonly Uint8Array[]): Uint8Array {
  return der(0x30, ...contents);
}

export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const groups = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left % 128));
    bytes.push(...groups);
  }
  return der(0x06, Uint8Array.from(bytes));
}

export function ascii(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

/** The contents of the first value in `bytes`, split into the whole values (tag and length included) in it. */
export function children(bytes: Uint8Array): Uint8Array[] {
  const { start, end } = bounds(bytes, 0);
  const parts: Uint8Array[] = [];
  for (let at = start; at < end; ) {
    const child = bounds(bytes, at);
    parts.push(bytes.slice(at, child.end));
    at = child.end;
  }
  return parts;
}

function bounds(bytes: Uint8Array, at: number): { start: number; end: number } {
  const first = bytes[at + 1]!;
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  let length = 0;
  for (let i = 0; i < (first & 0x7f); i++) length = length * 256 + bytes[at + 2 + i]!;
  const start = at + 2 + (first & 0x7f);
  return { start, end: start + length };
}

/** `1 byte`, `1,048,576 bytes`. */
export function formatBytes(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'byte' : 'bytes'}`;
}

/** A whole number with thousands separators, the same in every locale. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** Bytes in a time, for example `12.3 MB/s`. */
export function formatRate(bytes: number, milliseconds: number): string {
  const megabytes = bytes / 1e6 / (Math.max(milliseconds, 1) / 1e3);
  return `${megabytes >= 10 ? megabytes.toFixed(0) : megabytes.toFixed(1)} MB/s`;
}

/**
 * Columns as wide as their widest cell; numbers, and the headings above them, on the right.
 * @param rows the headings first
 */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const [headings = [], ...body] = rows;
  const columns = headings.map((_, index) => ({
    width: Math.max(...rows.map((row) => row[index]?.length ?? 0)),
    numeric: body.every((row) => /^[\d,]+( of [\d,]+)?$/.test(row[index] ?? '')),
  }));
  const lines = rows.map((row) =>
    columns
      .map(({ width, numeric }, index) => pad(row[index] ?? '', width, numeric))
      .join('  ')
      .trimEnd(),
  );
  lines.splice(1, 0, columns.map(({ width }) => '-'.repeat(width)).join('  '));
  return lines.join('\n');
}

function pad(text: string, width: number, right: boolean): string {
  return right ? text.padStart(width) : text.padEnd(width);
}

/** Lines of at most `width` columns, broken between words. */
export function wrapText(text: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join('\n');
}

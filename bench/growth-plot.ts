import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Growth } from './growth-figures.ts';
import { median } from './measure.ts';

/** Draws each cost relative to that at the smallest size: a flat line is one that does not grow. */
export async function drawGrowth(all: readonly Growth[], directory: string): Promise<void> {
  const { init } = await import('echarts');
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 420 });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: 'What Tacit adds to plain net, as things grow', left: 'center' },
    legend: { bottom: 0 },
    grid: { left: 60, right: 30, top: 60, bottom: 90 },
    xAxis: { type: 'log', name: 'times the smallest size', nameLocation: 'middle', nameGap: 30 },
    yAxis: { type: 'value', name: 'times the cost there', min: 0 },
    series: all.map(({ figure, along, points }) => ({
      type: 'line',
      name: `${figure}, ${along}`,
      data: points.map(({ size, added }) => [
        size / points[0]!.size,
        Number((median(added) / median(points[0]!.added)).toFixed(3)),
      ]),
    })),
  });
  writeFileSync(join(directory, 'growth.svg'), readable(chart.renderToSVGString()));
  chart.dispose();
}

/** Without what only a mouse sees, and with words for those who see no picture. */
function readable(svg: string): string {
  return svg
    .replace(/<style[^>]*>.*<\/style>/s, '')
    .replace(/^(<svg [^>]*>)/, '$1\n<title>What Tacit adds to plain net, as things grow</title>');
}

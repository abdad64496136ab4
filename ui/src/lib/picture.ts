// Charts as PNG files, in the colors of the page.
const inherited = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'font-size', 'font-weight', 'font-family', 'text-anchor'];

/** An SVG with its styles resolved, so that it is the same outside of the page. */
function standalone(svg: SVGSVGElement): string {
  const copy = svg.cloneNode(true) as SVGSVGElement;
  const from = svg.querySelectorAll<SVGElement>('*');
  copy.querySelectorAll<SVGElement>('*').forEach((e, i) => {
    const css = getComputedStyle(from[i]!);
    for (const name of inherited) {
      const value = css.getPropertyValue(name);
      if (value) e.setAttribute(name, value);
    }
    e.removeAttribute('style');
  });
  const box = svg.getBoundingClientRect();
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  copy.setAttribute('width', String(box.width));
  copy.setAttribute('height', String(box.height));
  return new XMLSerializer().serializeToString(copy);
}

async function drawable(chart: SVGSVGElement | HTMLCanvasElement): Promise<CanvasImageSource> {
  if (chart instanceof HTMLCanvasElement) return chart;
  const image = new Image();
  image.src = 'data:image/svg+xml;charset=utf-8,' + encodeURIComponent(standalone(chart));
  await image.decode();
  return image;
}

const margin = 12;
const line = 20;

/** A chart with its title, and what its lines are, as a PNG of twice the size. */
export async function picture(chart: SVGSVGElement | HTMLCanvasElement, title: string, legend: { name: string; color: string }[] = []): Promise<Blob> {
  const box = chart.getBoundingClientRect();
  const css = getComputedStyle(document.documentElement);
  const width = Math.max(320, box.width) + 2 * margin;
  const perRow = Math.max(1, Math.floor((width - 2 * margin) / 240));
  const below = Math.ceil(legend.length / perRow) * line;
  const canvas = document.createElement('canvas');
  const scale = Math.min(2, 8000 / width, 8000 / (box.height + below + 60));
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round((box.height + below + line + 3 * margin) * scale);
  const g = canvas.getContext('2d')!;
  g.scale(scale, scale);
  g.fillStyle = css.getPropertyValue('--panel');
  g.fillRect(0, 0, width, canvas.height / scale);
  g.textBaseline = 'top';
  g.fillStyle = css.getPropertyValue('--text');
  g.font = '600 13px system-ui, sans-serif';
  g.fillText(title, margin, margin, width - 2 * margin);
  g.drawImage(await drawable(chart), margin, margin + line, box.width, box.height);
  g.font = '12px system-ui, sans-serif';
  legend.forEach((l, i) => {
    const x = margin + (i % perRow) * 240, y = 2 * margin + line + box.height + Math.floor(i / perRow) * line;
    g.fillStyle = l.color;
    g.fillRect(x, y + 2, 10, 10);
    g.fillStyle = css.getPropertyValue('--text');
    g.fillText(l.name.length > 34 ? l.name.slice(0, 33) + '…' : l.name, x + 16, y);
  });
  return new Promise((done, fail) => canvas.toBlob((blob) => (blob ? done(blob) : fail(new Error('The chart cannot be drawn.'))), 'image/png'));
}

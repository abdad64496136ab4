// What a table or chart shows, as a file.
export function download(name: string, type: string, content: string | Blob) {
  const url = URL.createObjectURL(content instanceof Blob ? content : new Blob([content], { type }));
  const a = document.createElement('a');
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export function csv(rows: (string | number)[][]): string {
  const cell = (v: string | number) => {
    let s = String(v);
    if (typeof v === 'string' && /^[=+\-@\t\r]/.test(s)) s = "'" + s; // no formula in a spreadsheet
    return /[",\n\r]/.test(s) ? '"' + s.replaceAll('"', '""') + '"' : s;
  };
  return rows.map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n';
}

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // Not a secure context, for example http on another host.
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

export type Cell = string | number;

/** The rows of a table with its head, as far as it has one: data-value of a cell is its exact value. */
export function tableRows(table: HTMLTableElement): Cell[][] {
  const exact = (c: HTMLElement): Cell => {
    const value = c.dataset['value'];
    if (value === undefined) return c.innerText.replace(/\s+/g, ' ').trim();
    return value !== '' && Number.isFinite(Number(value)) ? Number(value) : value;
  };
  return Array.from(table.rows).filter((r) => !r.querySelector('[colspan]')).map((r) => Array.from(r.cells).map(exact));
}

/** Rows as objects, by the names in the first row. */
export function objects(rows: Cell[][]): Record<string, Cell>[] {
  const [head = [], ...rest] = rows;
  return rest.map((row) => Object.fromEntries(row.map((v, i) => [String(head[i] || `column ${i + 1}`), v] as const).filter(([, v]) => v !== '')));
}

export const fileName = (title: string, extension: string): string => (title.replace(/[^\w.-]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 80) || 'tapio') + '.' + extension;

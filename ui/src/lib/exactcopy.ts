// Figures are rounded for people; what is copied of a table has them exactly, with tabs between cells.

/** The text of copied nodes, with the exact values of cells that have one. */
export function exactText(copied: DocumentFragment): string {
  for (const cell of copied.querySelectorAll<HTMLElement>('[data-value]')) cell.textContent = cell.dataset['value'] ?? '';
  const line = (row: Element) => [...row.querySelectorAll('td, th')].map((c) => (c.textContent ?? '').replace(/\s+/g, ' ').trim()).join('\t');
  const rows = [...copied.querySelectorAll('tr')];
  return rows.length ? rows.map(line).join('\n') : (copied.textContent ?? '');
}

/** Takes over a copy of table cells; everything else is copied as it is shown. */
export function copyExactly(e: ClipboardEvent) {
  const selection = getSelection();
  if (!selection?.rangeCount || selection.isCollapsed || !e.clipboardData) return;
  const range = selection.getRangeAt(0);
  const copied = range.cloneContents();
  if (!copied.querySelector('[data-value]')) {
    // Within one cell: only if all of it is selected.
    const at = range.commonAncestorContainer;
    const cell = (at instanceof Element ? at : at.parentElement)?.closest<HTMLElement>('[data-value]');
    if (!cell || selection.toString().trim() !== cell.innerText.trim()) return;
    e.clipboardData.setData('text/plain', cell.dataset['value'] ?? '');
  } else e.clipboardData.setData('text/plain', exactText(copied));
  e.preventDefault();
}

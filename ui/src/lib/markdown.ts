// An incident as Markdown, for a ticket or a chat.
import type { Group, Insight } from './api';
import { phase, since, lasted, word } from './incidents';
import { stamp, span } from './time.svelte';
import { percent, visible } from './format';

// Record text is data: what Markdown would read as markup is escaped.
const plain = (text: string) => visible(text).replace(/\s+/g, ' ').replace(/[\\`*_[\]<>#|]/g, '\\$&');

export function markdown(g: Group, insights: Insight[], now = Date.now()): string {
  const best = insights.find((i) => i.audience === 'AUDIENCE_SRE') ?? insights[0];
  const factors = g.rootCause?.causalFactors ?? [];
  const out = [`## ${plain(g.title ?? '')}`, '', `${phase(g)} since ${stamp(since(g))} (${span(lasted(g, now))}), ${word(g.type, 'TYPE_')}`, ''];
  factors.slice(0, 3).forEach((f, i) => out.push(`${i + 1}. **${plain(f.entity?.name ?? '')}** ${percent(f.probability ?? 0)}: ${plain(f.reason ?? '')}`));
  if (g.impact?.summary) out.push('', `Impact: ${plain(g.impact.summary)}`);
  const commands = (best?.actions ?? g.actions ?? []).flatMap((a) => a.commands ?? []);
  if (commands.length) out.push('', 'Next:', '```sh', ...commands.map((c) => visible(c).replaceAll('```', "'''")), '```');
  return out.join('\n') + '\n';
}

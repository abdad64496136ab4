// A plugin of the build that writes the licenses of the packages whose code is in it.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

export function notices(file: string): Plugin {
  return {
    name: 'notices',
    apply: 'build',
    generateBundle(_options, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== 'chunk') continue;
        for (const id of Object.keys(chunk.modules)) {
          const found = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(id.replaceAll('\\', '/').replace(/^\0/, ''));
          if (found && existsSync(join(found[1]!, 'package.json'))) folders.add(found[1]!);
        }
      }
      const parts = [...folders].map((folder) => {
        const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, string>;
        const texts = readdirSync(folder).filter((f) => /^(licen[cs]e|notice|copying)/i.test(f)).sort().map((f) => readFileSync(join(folder, f), 'utf8').trim());
        if (texts.length === 0) this.error(`${name} has no license in ${folder}`);
        return `${'='.repeat(80)}\n\n  ${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
      });
      writeFileSync(file, 'The web UI contains the following npm packages, under these licenses.\n\n' + parts.sort().join('\n'));
    },
  };
}

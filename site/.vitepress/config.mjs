// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// The static site of docs/. `make docs-site` builds it into .build/docs-site and fails on links within docs/ that lead nowhere.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { slug } from 'github-slugger'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const docs = path.join(root, 'docs')
// Modules are resolved from where pages lie, so they are copied beside node_modules.
const source = path.join(root, 'site/.pages')
rmSync(source, { recursive: true, force: true })
cpSync(docs, source, { recursive: true, filter: (file) => !file.endsWith('.go') })

const repository = 'https://github.com/tapio/tapio/blob/main/'

// pages lists the pages of a folder by their titles.
const pages = (folder) =>
  readdirSync(path.join(docs, folder))
    .filter((file) => file.endsWith('.md'))
    .map((file) => ({
      text: readFileSync(path.join(docs, folder, file), 'utf8').match(/^# (.+)$/m)[1].replaceAll('`', ''),
      link: `/${folder}/${file.replace(/\.md$/, '')}`,
    }))

const section = (text, folder, collapsed = false) => ({ text, collapsed, items: pages(folder) })

// linksOut sends links to files that are not pages to the repository. A file that does not exist stays, for the link check.
const linksOut = (md) => {
  const fallback = md.renderer.rules.link_open ?? ((tokens, i, options, env, self) => self.renderToken(tokens, i, options))
  md.renderer.rules.link_open = (tokens, i, options, env, self) => {
    const href = tokens[i].attrGet('href')
    if (href && !/^(https?:|mailto:|#|\/)/.test(href)) {
      const target = path.resolve(path.dirname(path.join(docs, env.relativePath)), href.split('#')[0])
      const inside = target.startsWith(docs + path.sep) && target.endsWith('.md')
      if (!inside && existsSync(target)) tokens[i].attrSet('href', repository + path.relative(root, target))
    }
    return fallback(tokens, i, options, env, self)
  }
}

// diagrams leaves Mermaid to the browser.
const diagrams = (md) => {
  const fallback = md.renderer.rules.fence
  md.renderer.rules.fence = (tokens, i, options, env, self) =>
    tokens[i].info.trim() === 'mermaid'
      ? `<pre class="mermaid" v-pre>${md.utils.escapeHtml(tokens[i].content)}</pre>`
      : fallback(tokens, i, options, env, self)
}

export default {
  title: 'Tapio',
  description: 'An OpenTelemetry Collector that finds out why a system misbehaves',
  srcDir: source,
  outDir: path.join(root, '.build/docs-site'),
  cacheDir: path.join(root, '.build/docs-cache'),
  rewrites: { 'adr/README.md': 'adr/index.md' },
  ignoreDeadLinks: [/^https?:\/\/localhost/],
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  markdown: {
    anchor: { slugify: slug },
    config(md) {
      linksOut(md)
      diagrams(md)
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    nav: [{ text: 'Source', link: 'https://github.com/tapio/tapio' }],
    sidebar: [
      { text: 'Documentation', link: '/' },
      section('Tutorials', 'tutorials'),
      section('How-to guides', 'how-to'),
      section('Reference', 'reference'),
      {
        text: 'Explanation',
        items: [
          { text: 'Architecture', link: '/architecture' },
          { text: 'eBPF integration', link: '/ebpf-integration' },
          ...pages('explanation'),
          { text: 'Glossary', link: '/glossary' },
          { text: 'Performance', link: '/performance' },
        ],
      },
      section('Decisions', 'adr', true),
    ],
  },
}

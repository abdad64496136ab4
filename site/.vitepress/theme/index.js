// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

import DefaultTheme from 'vitepress/theme'
import { nextTick, onMounted, watch } from 'vue'
import { useRoute } from 'vitepress'

// draw renders the diagrams of a page; the library is loaded where there are any.
const draw = async () => {
  const nodes = document.querySelectorAll('pre.mermaid:not([data-processed])')
  if (nodes.length === 0) return
  const { default: mermaid } = await import('mermaid')
  mermaid.initialize({ startOnLoad: false, securityLevel: 'strict' })
  await mermaid.run({ nodes })
}

export default {
  extends: DefaultTheme,
  setup() {
    const route = useRoute()
    onMounted(draw)
    watch(() => route.path, () => nextTick(draw))
  },
}

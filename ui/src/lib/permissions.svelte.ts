// What the user may do. Until the server has answered, nothing that changes something is offered.
import { get, type Info } from './api';
import { refresh } from './refresh.svelte';
import { session } from './session.svelte';

const state = $state<{ granted: string[]; of: string | undefined }>({ granted: [], of: undefined });

/** Asks whenever the credentials change, and again until there is an answer. */
export function followPermissions() {
  $effect(() => {
    const authorization = session.authorization;
    if (state.of === authorization || (session.refused && !authorization)) return;
    void refresh.now;
    get<Info>('/v1/info').then((info) => {
      state.granted = info.permissions ?? [];
      state.of = authorization;
    }).catch(() => {});
  });
}

export const may = (permission: 'write' | 'admin'): boolean => state.granted.includes(permission);

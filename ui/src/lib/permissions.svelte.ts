// What the user may do. Until the server has answered, nothing that changes something is offered.
import { get, type Info } from './api';
import { session } from './session.svelte';

const state = $state<{ granted: string[] }>({ granted: [] });

/** Asks again whenever the credentials change. Servers that do not report permissions decide on each call. */
export function followPermissions() {
  $effect(() => {
    void session.authorization;
    if (session.refused && !session.authorization) return;
    get<Info>('/v1/info').then((info) => (state.granted = info.permissions ?? [])).catch(() => {});
  });
}

export const may = (permission: 'write' | 'admin'): boolean => state.granted.includes(permission);

import { expect, test, vi } from 'vitest';

vi.stubGlobal('sessionStorage', { getItem: () => null });

/** An answer that comes when the test releases it. */
function later<T>() {
  let come!: (value: T) => void;
  const answer = new Promise<T>((done) => (come = done));
  return { come, ask: () => answer };
}
const turn = () => new Promise((done) => setTimeout(done));

test('the first part is shown until all is there, and is not asked for again', async () => {
  const { Load } = await import('./load.svelte');
  const load = new Load<string>(), part = later<string>(), whole = later<string>();
  const running = load.run(whole.ask, part.ask);
  expect(load.value).toBe(undefined);
  part.come('part');
  await turn();
  expect([load.value, load.busy]).toEqual(['part', true]);
  whole.come('whole');
  await running;
  expect([load.value, load.busy]).toEqual(['whole', false]);
  const again = vi.fn(async () => 'part');
  await load.run(async () => 'newer', again);
  expect(load.value).toBe('newer');
  expect(again).not.toHaveBeenCalled();
});

test('a part that comes after another question was asked is not shown', async () => {
  const { Load } = await import('./load.svelte');
  const load = new Load<string>(), part = later<string>(), other = later<string>();
  const whole = vi.fn(async () => 'whole');
  const first = load.run(whole, part.ask), second = load.run(other.ask);
  part.come('part');
  await first;
  expect(load.value).toBe(undefined);
  expect(whole).not.toHaveBeenCalled();
  other.come('other');
  await second;
  expect(load.value).toBe('other');
});

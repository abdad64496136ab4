// Burns CPU in one function until it is killed.
function burnInNode(n) {
  let sum = 0;
  for (let i = 0; i < n; i++) sum = (sum * 31 + i) % 1000003;
  return sum;
}
globalThis.sink = 0;
for (;;) globalThis.sink += burnInNode(1e7);

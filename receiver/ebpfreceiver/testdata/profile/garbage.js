// Makes V8 collect garbage until it is killed.
const kept = [];
for (let i = 0; ; i++) kept[i % 200000] = { text: 'x' + i, list: [i, i + 1, { deep: i }] };

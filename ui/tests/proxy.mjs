// A connection through it survives the server: the address stays when the server behind it is another one.
import net from 'node:net';

export async function proxy(port) {
  const sockets = new Set();
  const link = { target: port };
  const server = net.createServer((client) => {
    if (!link.target) return client.destroy();
    const upstream = net.connect(link.target, 'localhost');
    for (const s of [client, upstream]) {
      sockets.add(s);
      s.on('error', () => {});
      s.on('close', () => { sockets.delete(s); client.destroy(); upstream.destroy(); });
    }
    client.pipe(upstream).pipe(client);
  });
  await new Promise((done) => server.listen(0, 'localhost', done));
  return {
    url: `http://localhost:${server.address().port}`,
    /** From now on connections go to the port; without one they are refused. Those that are open end. */
    turn(to) {
      link.target = to;
      for (const s of sockets) s.destroy();
    },
    stop: () => new Promise((done) => {
      for (const s of sockets) s.destroy();
      server.close(done);
    }),
  };
}

export const portOf = (url) => Number(new URL(url).port);

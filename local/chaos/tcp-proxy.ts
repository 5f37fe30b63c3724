import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';

/** A line between a function and one of its services, on which everything can go wrong that goes wrong on networks. */
export interface TcpProxy {
  readonly port: number;
  /** What was said on held lines and not heard, in bytes. */
  heldBytes(): number;
  /** Lines that stand. */
  lines(): number;
  /** From now on nothing that is said on any line is heard, until `forward`. No line is closed, and new ones are made. */
  hold(): void;
  /** Lets everything through again, what was held first. */
  forward(): void;
  /** The lines that stand are dead for good and nobody is told: half-open. New lines work. */
  abandon(): void;
  /** Resets every line that stands and refuses new ones, until `accept`. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  stop(): Promise<void>;
}

interface Line {
  readonly ends: readonly [Socket, Socket];
  state: 'open' | 'held' | 'dead';
  backlog: { readonly to: Socket; readonly bytes: Buffer | 'end' }[];
}

/** Listens on a free port of 127.0.0.1 and passes every connection on to `port`. */
export async function startTcpProxy(port: number): Promise<TcpProxy> {
  const lines = new Set<Line>();
  let holding = false;
  let server = createServer((client) => join(client));
  const ownPort = await listen(server, 0);

  function join(client: Socket): void {
    const service = connect(port, HOST);
    const line: Line = { ends: [client, service], state: holding ? 'held' : 'open', backlog: [] };
    lines.add(line);
    pass(line, client, service);
    pass(line, service, client);
  }

  function pass(line: Line, from: Socket, to: Socket): void {
    from.setNoDelay(true);
    const say = (bytes: Buffer | 'end'): void => {
      if (line.state === 'held') line.backlog.push({ to, bytes });
      else if (line.state === 'open') hear(to, bytes);
    };
    from.on('data', (bytes) => say(bytes));
    from.on('end', () => say('end'));
    from.on('error', () => {
      if (line.state === 'open') reset(to);
    });
    from.on('close', () => {
      if (line.ends.every((end) => end.destroyed)) lines.delete(line);
    });
  }

  function hang(line: Line): void {
    lines.delete(line);
    for (const end of line.ends) reset(end);
  }

  return {
    port: ownPort,
    heldBytes: () =>
      [...lines]
        .flatMap((line) => line.backlog)
        .reduce((sum, { bytes }) => sum + (bytes === 'end' ? 0 : bytes.length), 0),
    lines: () => lines.size,
    hold() {
      holding = true;
      for (const line of lines) if (line.state === 'open') line.state = 'held';
    },
    forward() {
      holding = false;
      for (const line of lines) {
        if (line.state !== 'held') continue;
        line.state = 'open';
        for (const { to, bytes } of line.backlog.splice(0)) hear(to, bytes);
      }
    },
    abandon() {
      for (const line of lines) {
        line.state = 'dead';
        line.backlog = [];
      }
    },
    async refuse() {
      const closed = once(server, 'close');
      server.close();
      for (const line of lines) hang(line);
      await closed;
    },
    async accept() {
      server = createServer((client) => join(client));
      await listen(server, ownPort);
    },
    async stop() {
      for (const line of lines) hang(line);
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/** A side that has been told the end cannot be reset any more: Node refuses, and would keep its handle for ever (`uv_tcp_close_reset` after a shutdown). */
function reset(end: Socket): void {
  if (end.writableEnded || end.connecting) end.destroy();
  else end.resetAndDestroy();
}

function hear(to: Socket, bytes: Buffer | 'end'): void {
  if (to.destroyed) return;
  if (bytes === 'end') to.end();
  else to.write(bytes);
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

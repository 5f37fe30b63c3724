import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { runDemo } from '../../local/demo/run.ts';
import { temporaryFolder } from './temporary-folder.ts';

interface Received {
  readonly body: string;
  readonly headers: Record<string, string>;
}

describe('npm start with a webhook', () => {
  const folder = temporaryFolder();

  it('posts what is paid and paid out, signed with the key that it prints', async function () {
    this.timeout(120_000);
    const wanted = new Set(['order.paid', 'transfer.succeeded']);
    const received: Received[] = [];
    const done = new AbortController();
    const server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => (body += part));
      request.on('end', () => {
        received.push({ body, headers: request.headers as Record<string, string> });
        wanted.delete((JSON.parse(body) as { type: string }).type);
        if (wanted.size === 0) done.abort();
        response.writeHead(204).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const said: string[] = [];
    try {
      await runDemo({
        folder: folder(),
        cycleSeconds: 4,
        webhook: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`,
        say: (line) => said.push(line),
        onLog: ({ notable, from, text }) => notable && said.push(`${from}: ${text}`),
        signal: AbortSignal.any([done.signal, AbortSignal.timeout(100_000)]),
      });
      assert.deepEqual([...wanted], [], said.join('\n'));
      const key = /whsec_\S+/.exec(said.join('\n'))?.[0] ?? '';
      for (const { body, headers } of received) {
        const event = new Webhook(key).verify(body, headers) as { id: string };
        assert.equal(event.id, headers['webhook-id']);
      }
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { callHttp } from '../../../functions/bank/http-call.ts';
import type { HttpRequest } from '../../../functions/bank/http-call.ts';

describe('one HTTP call', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  /** A server that says the same to everybody, or nothing. */
  async function server(says?: string): Promise<{ host: string; sockets: Socket[] }> {
    const sockets: Socket[] = [];
    const listener = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => says !== undefined && socket.end(says));
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    stops.push(async () => {
      const closed = new Promise((resolve) => listener.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    });
    return { host: `127.0.0.1:${(listener.address() as AddressInfo).port}`, sockets };
  }

  function request(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
    return { url: new URL(url), method: 'POST', headers: {}, body: '{}', timeoutMs: 5000, ...changes };
  }

  it('writes nothing, and does not ask for leave, over a connection that is never secured', async () => {
    const { host } = await server();
    const mayStillWrite = () => assert.fail('asked before the connection was secured');
    const result = await callHttp(request(`https://${host}/`, { timeoutMs: 150, mayStillWrite }));
    assert.deepEqual(result, { outcome: 'not_written', cause: 'connection', error: 'timeout' });
  });

  it('writes nothing to a server that speaks no TLS', async () => {
    const { host } = await server('HTTP/1.1 200 OK\r\n\r\n');
    const result = await callHttp(request(`https://${host}/`));
    assert.equal(result.outcome, 'not_written');
  });

  it('keeps no connection', async () => {
    const { host, sockets } = await server('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
    for (let call = 0; call < 2; call += 1) {
      assert.deepEqual(await callHttp(request(`http://${host}/`)), {
        outcome: 'answered',
        status: 200,
        body: '{}',
      });
    }
    assert.equal(sockets.length, 2);
  });

  it('is broken when the other side hangs up without a word', async () => {
    const { host } = await server('');
    const result = await callHttp(request(`http://${host}/`));
    assert.deepEqual(result, { outcome: 'broken', error: 'ECONNRESET' });
  });

  it('is broken when the other side speaks no HTTP', async () => {
    const { host } = await server('SSH-2.0-other\r\n');
    const result = await callHttp(request(`http://${host}/`));
    assert.equal(result.outcome, 'broken');
  });

  it('passes on what the question about leave throws, having written nothing', async () => {
    const { host, sockets } = await server('');
    const mayStillWrite = () => {
      throw new RangeError('a mistake');
    };
    await assert.rejects(callHttp(request(`http://${host}/`, { mayStillWrite })), RangeError);
    assert.equal(
      sockets.every((socket) => socket.bytesRead === 0),
      true,
    );
  });
});

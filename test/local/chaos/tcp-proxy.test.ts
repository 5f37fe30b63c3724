import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { startTcpProxy, type TcpProxy } from '../../../local/chaos/tcp-proxy.ts';
import { until } from '../until.ts';

describe('a line that can be broken', () => {
  let service: Server;
  let heard: string;
  let proxy: TcpProxy;
  const sockets: Socket[] = [];

  beforeEach(async () => {
    heard = '';
    service = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', (bytes: Buffer) => {
        heard += bytes.toString();
        socket.write(`heard ${bytes.toString()}`);
      });
    });
    service.listen(0, '127.0.0.1');
    await once(service, 'listening');
    proxy = await startTcpProxy((service.address() as AddressInfo).port);
  });
  afterEach(async () => {
    await proxy.stop();
    for (const socket of sockets.splice(0)) socket.destroy();
    service.close();
  });

  async function call(): Promise<{ socket: Socket; said: () => string; ended: () => boolean }> {
    const socket = connect(proxy.port, '127.0.0.1');
    sockets.push(socket);
    let said = '';
    let ended = false;
    socket.on('data', (bytes: Buffer) => (said += bytes.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => (ended = true));
    await once(socket, 'connect');
    return { socket, said: () => said, ended: () => ended };
  }

  it('passes on what both sides say', async () => {
    const { socket, said } = await call();
    socket.write('hello');
    await until('the answer comes', () => said() === 'heard hello');
  });

  it('holds back what is said, and passes it on in its order', async () => {
    const { socket, said } = await call();
    socket.write('one ');
    await until('the answer comes', () => said() !== '');
    proxy.hold();
    socket.write('two ');
    socket.write('three');
    await until('it is held', () => proxy.heldBytes() === 9);
    assert.equal(heard, 'one ');
    proxy.forward();
    await until('it is heard', () => heard === 'one two three');
  });

  it('abandons the lines that stand without a word to anybody, and makes new ones', async () => {
    const old = await call();
    old.socket.write('one');
    await until('the answer comes', () => old.said() !== '');
    proxy.abandon();
    old.socket.write('lost');
    const fresh = await call();
    fresh.socket.write('!');
    await until('the new line works', () => fresh.said() === 'heard !');
    assert.equal(heard, 'one!');
    assert.equal(old.ended(), false);
  });

  it('keeps no handle of a line that is reset right after its end was passed on', async () => {
    // Other tests of this process may hold lines of their own.
    const handles = (): number =>
      process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length;
    const before = handles();
    proxy.hold();
    const { socket, ended } = await call();
    socket.end('x');
    await until('the caller has hung up', () => ended());
    proxy.forward();
    await proxy.stop();
    for (const one of sockets.splice(0)) one.destroy();
    await until('no socket of the line is left', () => handles() <= before, 10_000);
  });

  it('resets every line and refuses new ones until it accepts again', async () => {
    const old = await call();
    await proxy.refuse();
    await until('the line is reset', () => old.ended());
    await assert.rejects(call(), { code: 'ECONNREFUSED' });
    await proxy.accept();
    const { socket, said } = await call();
    socket.write('again');
    await until('the answer comes', () => said() === 'heard again');
  });
});

import assert from 'node:assert/strict';
import { postOutside } from '../../../functions/webhooks/post.client.ts';
import { mayBeCalled, parseWebhookUrl } from '../../../functions/webhooks/webhook-url.ts';

const PRIVATE = [
  '127.0.0.1',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '0.0.0.0',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  '::',
  'fe80::1',
  'fd00:ec2::254',
  'fc00::1',
  'ff02::1',
  '::ffff:10.0.0.1',
  '::ffff:a9fe:a9fe',
  '::127.0.0.1',
  '64:ff9b::a00:1',
  '64:ff9b:1::a00:1',
  '2002:a00:1::1',
  '2001:db8::1',
  '192.0.2.1',
];

describe('the address of a webhook', () => {
  for (const address of PRIVATE) {
    const host = address.includes(':') ? `[${address}]` : address;
    it(`is refused when it is ${address}, as it is written and as a name's answer`, async () => {
      assert.ok('wrong' in parseWebhookUrl(`https://${host}/hooks`, 'public'));
      const url = new URL('https://shop.example/hooks');
      const request = { url, headers: {}, body: '{}', timeoutMs: 1000 };
      const posted = await postOutside(request, 'public', () => Promise.resolve(['93.184.215.14', address]));
      assert.equal(posted.outcome, 'refused_address');
    });
  }

  it('is refused in every other way to write a private one', () => {
    for (const host of [
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '127.1',
      '１２７.0.0.1',
      'localhost',
      'localhost.',
      'db',
      'a.internal',
    ])
      assert.ok('wrong' in parseWebhookUrl(`https://${host}/`, 'public'), host);
  });

  it('is https, without a password', () => {
    for (const text of [
      'http://shop.example/',
      'ftp://shop.example/',
      'https://a:b@shop.example/',
      'shop.example',
    ])
      assert.ok('wrong' in parseWebhookUrl(text, 'public'), text);
    assert.ok('url' in parseWebhookUrl('https://shop.example/hooks?a=1', 'public'));
    assert.ok(mayBeCalled('93.184.215.14', 'public') && mayBeCalled('2606:4700::1111', 'public'));
  });

  it('may be http to 127.0.0.1 in the local system alone', () => {
    assert.ok('url' in parseWebhookUrl('http://127.0.0.1:8080/', 'local'));
    assert.ok('wrong' in parseWebhookUrl('http://127.0.0.1:8080/', 'public'));
    assert.ok('wrong' in parseWebhookUrl('http://10.0.0.1/', 'local'));
  });

  it('is looked up once: the connection goes to the address that was looked at', async () => {
    let asked = 0;
    const url = new URL('http://shop.example:9/');
    const resolve = () => Promise.resolve(asked++ === 0 ? ['127.0.0.1'] : ['10.0.0.1']);
    const posted = await postOutside({ url, headers: {}, body: '{}', timeoutMs: 2000 }, 'local', resolve);
    assert.deepEqual([asked, posted], [1, { outcome: 'failed', error: 'ECONNREFUSED' }]);
  });
});

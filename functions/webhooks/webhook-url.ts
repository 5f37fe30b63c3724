import ipaddr from 'ipaddr.js';

const URL_MAX = 2000;

/** Where webhooks may go. `public` is what is deployed; `local` also takes http to 127.0.0.1, for a receiver on this machine. */
export type WebhookReach = 'public' | 'local';

/** Reads a webhook's address, or says what is wrong with it. What its name resolves to is looked at when it is called. */
export function parseWebhookUrl(
  text: string,
  reach: WebhookReach,
): { readonly url: URL } | { readonly wrong: string } {
  if (text.length > URL_MAX) return { wrong: `write at most ${URL_MAX} characters` };
  const url = URL.parse(text);
  if (url === null) return { wrong: 'write a whole address, such as https://shop.example/hooks' };
  if (url.username !== '' || url.password !== '')
    return { wrong: 'leave user name and password out: requests are signed' };
  if (url.hash !== '') return { wrong: 'leave out what follows #: it is never sent' };
  if (reach === 'local' && url.protocol === 'http:' && url.hostname === '127.0.0.1') return { url };
  if (url.protocol !== 'https:') return { wrong: 'write an address that begins with https://' };
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (ipaddr.isValid(host) && !mayBeCalled(host, reach))
    return { wrong: 'write a public address: this one leads to a private network' };
  if (
    !ipaddr.isValid(host) &&
    (!host.includes('.') || /(^|\.)(local|internal|localhost|home\.arpa)\.?$/i.test(host))
  )
    return { wrong: 'write a public name: this one leads to a private network' };
  return { url };
}

/**
 * Whether a webhook may be sent to an IP address: to public unicast addresses only. Private, loopback, link-local (where a cloud's metadata is), shared, multicast and reserved ones are
 * refused, also when they are written inside an IPv6 address.
 */
export function mayBeCalled(address: string, reach: WebhookReach): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address);
  if (reach === 'local' && parsed.toString() === '127.0.0.1') return true;
  if (parsed.range() !== 'unicast') return false;
  // All that is assigned for use in public is in 2000::/3 (IANA, IPv6 address space); the old ::a.b.c.d, for one, is not.
  return !(parsed instanceof ipaddr.IPv6) || ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000;
}

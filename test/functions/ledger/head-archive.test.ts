import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { S3Client } from '@aws-sdk/client-s3';
import type { ArchivedHead, HeadArchive } from '../../../functions/ledger/head-archive.ts';
import { createHeadBucket } from '../../../functions/ledger/head-bucket.client.ts';
import { createHeadFolder } from '../../../functions/ledger/head-folder.client.ts';

const head = (businessDate: string, position = 5n): ArchivedHead => ({
  businessDate,
  position,
  hash: 'ab'.repeat(32),
});

/** Holds of an archive whatever it is made of. */
function keepsHeads(archive: () => HeadArchive): void {
  it('is empty at first', async () => {
    assert.equal(await archive().latest(), undefined);
  });

  it('gives back the latest day, in whatever order they came', async () => {
    assert.equal(await archive().keep(head('2026-03-10', 1n)), 'kept');
    assert.equal(await archive().keep(head('2026-12-01', 3n)), 'kept');
    assert.equal(await archive().keep(head('2026-04-10', 2n)), 'kept');
    assert.deepEqual(await archive().latest(), head('2026-12-01', 3n));
  });

  it('keeps the first head of a day, and says whether a second one is the same', async () => {
    await archive().keep(head('2026-03-10', 1n));
    assert.equal(await archive().keep(head('2026-03-10', 1n)), 'exists');
    assert.equal(await archive().keep(head('2026-03-10', 2n)), 'exists_with_another_head');
    assert.deepEqual(await archive().latest(), head('2026-03-10', 1n));
  });
}

describe("a folder of the ledger's heads", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'smart-transfer-heads-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  keepsHeads(() => createHeadFolder(join(folder, 'heads')));

  it('lets nobody write to a head', async () => {
    await createHeadFolder(folder).keep(head('2026-03-10'));
    assert.equal((await stat(join(folder, '2026-03-10.json'))).mode & 0o222, 0);
  });

  it('refuses to read what is no head: such an archive proves nothing', async () => {
    const file = join(folder, '2026-03-10.json');
    for (const text of ['', '{}', '{"business_date":"2026-03-10","position":"x","hash":""}']) {
      await writeFile(file, text);
      await assert.rejects(createHeadFolder(folder).latest(), /2026-03-10.json holds no head of the ledger/);
    }
  });
});

/** As much of S3 as the archive speaks: objects that are put once, read, and listed a few at a time. */
function startObjects(): { server: Server; objects: Map<string, string>; puts: Record<string, unknown>[] } {
  const objects = new Map<string, string>();
  const puts: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://s3');
    const key = decodeURIComponent(url.pathname.replace(/^\/heads\/?/, ''));
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const answer = (status: number, text: string) => response.writeHead(status).end(text);
      if (request.method === 'PUT') {
        puts.push(request.headers);
        if (request.headers['if-none-match'] === '*' && objects.has(key)) {
          answer(412, '<Error><Code>PreconditionFailed</Code><Message>exists</Message></Error>');
          return;
        }
        objects.set(key, body);
        answer(200, '');
      } else if (url.searchParams.get('list-type') === '2') {
        const after = url.searchParams.get('continuation-token') ?? '';
        const keys = [...objects.keys()].sort().filter((name) => name > after);
        const [page, more] = [keys.slice(0, 2), keys.length > 2];
        answer(
          200,
          `<ListBucketResult>${page.map((name) => `<Contents><Key>${name}</Key></Contents>`).join('')}<IsTruncated>${more}</IsTruncated>` +
            `${more ? `<NextContinuationToken>${page.at(-1) ?? ''}</NextContinuationToken>` : ''}</ListBucketResult>`,
        );
      } else answer(200, objects.get(key) ?? '');
    });
  });
  return { server, objects, puts };
}

describe("a bucket of the ledger's heads", () => {
  let s3: ReturnType<typeof startObjects>;
  let client: S3Client;
  beforeEach(async () => {
    s3 = startObjects();
    await new Promise<void>((resolve) => s3.server.listen(0, '127.0.0.1', resolve));
    client = new S3Client({
      endpoint: `http://127.0.0.1:${(s3.server.address() as AddressInfo).port}`,
      forcePathStyle: true,
      region: 'ap-northeast-2',
      credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    });
  });
  afterEach(async () => {
    client.destroy();
    s3.server.closeAllConnections();
    await new Promise((resolve) => s3.server.close(resolve));
  });

  keepsHeads(() => createHeadBucket(client, 'heads'));

  it('never puts a head over another one, and sends the checksum that locked objects need', async () => {
    await createHeadBucket(client, 'heads').keep(head('2026-03-10'));
    const [put] = s3.puts;
    assert.equal(put?.['if-none-match'], '*');
    assert.ok(typeof put['x-amz-checksum-sha256'] === 'string');
    assert.deepEqual([...s3.objects.keys()], ['ledger-heads/2026-03-10.json']);
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BadFile } from '../../../local/files/bad-file.ts';

/** Calls `use` with the path of a file of that content, and takes the file away afterwards. */
export async function withFile<T>(
  name: string,
  content: string | Uint8Array,
  use: (path: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'smart-transfer-files-'));
  try {
    const path = join(folder, name);
    await writeFile(path, content);
    return await use(path);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The result of a reader that must have found nothing wrong. */
export function mustRead<T extends { outcome: 'read' }>(result: T | BadFile): T {
  if (isBad(result)) throw new Error(result.message);
  return result;
}

function isBad(result: { outcome: string }): result is BadFile {
  return result.outcome === 'bad_file';
}

/** What a reader says of a file that it must refuse, with the folder left out. */
export function refusal(result: { outcome: 'read' } | BadFile): string {
  if (result.outcome === 'read') throw new Error('the file was read');
  const folder = result.file.slice(0, result.file.lastIndexOf('/') + 1);
  return result.message.replaceAll(folder, '');
}

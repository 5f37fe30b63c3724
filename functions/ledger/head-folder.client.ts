import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compareHeads, headName, readHead, writeHead, type HeadArchive } from './head-archive.ts';

/** Heads in a folder, a file a day that nobody may write to: for one machine, where it stands in for a bucket with object lock. */
export function createHeadFolder(folder: string): HeadArchive {
  const read = async (name: string) => {
    const file = join(folder, name);
    return readHead(await readFile(file, 'utf8'), file);
  };
  return {
    async keep(head) {
      await mkdir(folder, { recursive: true });
      const name = headName(head.businessDate);
      try {
        await writeFile(join(folder, name), writeHead(head), { flag: 'wx', mode: 0o444 });
        return 'kept';
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        return compareHeads(await read(name), head);
      }
    },
    async latest() {
      const names = await readdir(folder).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw error;
      });
      const last = names
        .filter((name) => /^\d{4}-\d{2}-\d{2}\.json$/.test(name))
        .sort()
        .at(-1);
      return last === undefined ? undefined : await read(last);
    },
  };
}

import { createHeadFolder } from '../functions/ledger/head-folder.client.ts';
import { createOperatorsApi } from '../functions/operators/operators-api.ts';
import { parsePersonId, type PersonId } from '../functions/people/person.ts';
import { systemClock } from '../functions/shared/clock.ts';
import { BANK_TAKES } from '../functions/shared/environment.ts';
import { headsFolder } from '../local/system.ts';
import { headersOf, NoAnswer, type Carried, type Question } from './carrier.ts';
import { NoLocalSystem, withLocalDatabase } from './local-database.ts';

/** Whoever reads and does not say who they are: nothing is written by them. */
const READER = parsePersonId('reader');

/**
 * Asks the operators' routes inside this process, on the local system's database. There is no IAM on one machine: who acts is who the command says.
 *
 * @throws {@link NoAnswer} where there is no local system.
 */
export async function askLocally(
  { folder, as = READER }: { readonly folder: string; readonly as?: PersonId | undefined },
  question: Question,
): Promise<Carried> {
  try {
    return await withLocalDatabase(folder, async ({ db, vault }) => {
      const api = createOperatorsApi({
        db,
        clock: systemClock,
        openVault: () => Promise.resolve(vault),
        archive: createHeadFolder(headsFolder(folder)),
        absenceWaitMs: (BANK_TAKES.processingMinutes + BANK_TAKES.postingLagMinutes) * 60_000,
        replayMsMax: Number.POSITIVE_INFINITY,
        whoAsks: () =>
          as === undefined
            ? { outcome: 'not_a_person', why: 'nobody was named' }
            : { outcome: 'person', id: as, routeKey: undefined },
        log: {
          error: (message, detail) => process.stderr.write(`${message}: ${JSON.stringify(detail)}\n`),
        },
      });
      const query = new URLSearchParams(question.query).toString();
      const response = await api.request(`${question.path}${query === '' ? '' : `?${query}`}`, {
        method: question.method,
        headers: headersOf(question),
        ...(question.body === undefined ? {} : { body: question.body }),
      });
      return { status: response.status, text: await response.text() };
    });
  } catch (error) {
    if (error instanceof NoLocalSystem) throw new NoAnswer(error.message);
    throw error;
  }
}

import { z } from 'zod';
import { fitsCp949 } from '../../functions/bank/cp949.ts';
import { kstCompact } from '../../functions/bank/kst.ts';

/*
 * What the wire protocol demands of requests: required fields and their types with lengths (KFTC Open Banking v2.0,
 * developers.kftc.or.kr). N is digits, AN letters and digits, AH any text, counted in CP949 bytes. The simulated bank takes
 * nothing that the real one would refuse.
 */

const n = (lengthMax: number) =>
  z.string().regex(new RegExp(`^\\d{1,${lengthMax}}$`), `expected N${lengthMax}`);
const an = (lengthMax: number) =>
  z.string().regex(new RegExp(`^[0-9A-Za-z]{1,${lengthMax}}$`), `expected AN${lengthMax}`);
const ah = (bytesMax: number) =>
  z
    .string()
    .refine((text) => text !== '' && fitsCp949(text, bytesMax), `expected AH${bytesMax}, in CP949 bytes`);

const compactDate = z.string().refine((text) => isInstant(`${text}000000`), 'expected N8, a date');
const compactTime = z.string().refine((text) => isInstant(`20200101${text}`), 'expected N6, a time');
const compactDateTime = z.string().refine(isInstant, 'expected N14, a date and time');

/** Whether fourteen digits are a date and time: 31 February is none. */
function isInstant(compact: string): boolean {
  const instant = kstInstant(compact.slice(0, 8), compact.slice(8));
  return !Number.isNaN(instant.getTime()) && kstCompact(instant) === compact;
}

/** The instant of a KST date, `YYYYMMDD`, and time, `HHMMSS`; an invalid `Date` if they are none. */
export function kstInstant(date: string, time: string): Date {
  const shape = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/;
  return new Date(`${date}${time}`.replace(shape, '$1-$2-$3T$4:$5:$6+09:00'));
}

/** `bank_tran_id`, AN20, of the organisation itself. */
const ownId = (organisationCode: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${organisationCode}U[0-9A-Z]{9}$`),
      'expected AN20: organisation code, U, nine characters',
    );

export const tokenRequest = z.object({
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  scope: z.literal('oob'),
  grant_type: z.literal('client_credentials'),
});

export const statementRequest = (organisationCode: string) =>
  z.object({
    bank_tran_id: ownId(organisationCode),
    fintech_use_num: an(24),
    inquiry_type: z.enum(['A', 'I', 'O']),
    inquiry_base: z.enum(['D', 'T']),
    from_date: compactDate,
    from_time: compactTime.optional(),
    to_date: compactDate,
    to_time: compactTime.optional(),
    sort_order: z.enum(['A', 'D']),
    tran_dtime: compactDateTime,
    befor_inquiry_trace_info: an(20).optional(),
  });

export type StatementQuery = z.infer<ReturnType<typeof statementRequest>>;

export const remitterRequest = (organisationCode: string) =>
  z.object({
    bank_tran_id: ownId(organisationCode),
    bank_code_std: an(3),
    account_num: an(16),
    from_date: compactDate,
    from_time: compactTime,
    to_date: compactDate,
    to_time: compactTime,
    sort_order: z.enum(['A', 'D']),
    tran_dtime: compactDateTime,
    befor_inquiry_trace_info: an(20).optional(),
  });

const transferItem = (organisationCode: string) =>
  z.object({
    tran_no: n(5),
    bank_tran_id: ownId(organisationCode),
    bank_code_std: an(3),
    account_num: an(16),
    account_holder_name: ah(20),
    print_content: ah(20),
    tran_amt: n(12).refine((digits) => BigInt(digits) > 0n, 'expected more than 0'),
    req_client_name: ah(20),
    req_client_bank_code: an(3).optional(),
    req_client_account_num: an(16).optional(),
    req_client_fintech_use_num: an(24).optional(),
    req_client_num: an(20),
    transfer_purpose: z.literal('TR'),
  });

export const transferRequest = (organisationCode: string) =>
  z.object({
    cntr_account_type: z.literal('N'),
    cntr_account_num: an(16),
    wd_pass_phrase: z.string().min(1).max(128),
    wd_print_content: ah(20),
    name_check_option: z.enum(['on', 'off']).optional(),
    tran_dtime: compactDateTime,
    req_cnt: z.literal('1'),
    req_list: z.tuple([
      transferItem(organisationCode).refine(
        (item) =>
          (item.req_client_account_num === undefined) !== (item.req_client_fintech_use_num === undefined),
        'expected either req_client_account_num or req_client_fintech_use_num, not both',
      ),
    ]),
  });

export type TransferMessage = z.infer<ReturnType<typeof transferRequest>>;

export const resultRequest = z
  .object({
    check_type: z.enum(['1', '2']),
    tran_dtime: compactDateTime,
    req_cnt: n(5),
    req_list: z
      .array(
        z.object({
          tran_no: n(5),
          org_bank_tran_id: an(20),
          org_bank_tran_date: compactDate,
          org_tran_amt: n(12),
        }),
      )
      .min(1)
      .max(25),
  })
  .refine(
    (message) => Number(message.req_cnt) === message.req_list.length,
    'expected req_cnt to count req_list',
  );

export type ResultMessage = z.infer<typeof resultRequest>;

/** The first thing that is wrong with a request, for a person. */
export function whatIsWrong(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue ? `${issue.path.join('.')}: ${issue.message}` : 'unreadable';
}

import { createRoute, z } from '@hono/zod-openapi';
import { answerProblem } from '../api/problem.ts';
import { refuseInvalidUnquoted } from '../api/refuse-invalid.ts';
import { json, jsonBody, notFound, problems, security } from '../api/responses.ts';
import { textSchema } from '../api/schemas.ts';
import type { ShopApi, ShopApiParts } from '../api/shop-api.ts';
import { ACCOUNT_NUMBER, HOLDER_BYTES_MAX } from '../bank/payee-account.ts';
import { byApiKey, shopActor } from '../people/person.ts';
import type { AccountView } from './payout-account.repository.ts';
import { requestAccount } from './payout-account.step.ts';
import { BANK_CODE, isHolder } from './payout-account.ts';
import { sellerJson, sellerPath, sellerSchema } from './seller.routes.ts';
import { readSeller, type WaitingAccount } from './shop-seller.repository.ts';

const HOLDER_REMEDY = `write the holder as the bank does, in at most ${HOLDER_BYTES_MAX} bytes of CP949 (10 Hangul)`;

const put = createRoute({
  method: 'put',
  path: '/v1/sellers/{seller_id}/payout-account',
  tags: ['sellers'],
  summary: 'Ask that a seller be paid to an account',
  description:
    'Nothing is paid there until an operator has approved it; until then payouts go where they went before. The same request again is answered the same. While one account waits, another is refused (409). The number never comes back whole.',
  security,
  request: {
    params: sellerPath,
    body: jsonBody(
      z
        .strictObject({
          bank_code: z
            .string('write the standard code of the bank, three digits')
            .regex(BANK_CODE, 'write the standard code of the bank, three digits')
            .openapi({ example: '088' }),
          account_number: z
            .string('write 6 to 16 digits without hyphens, as text')
            .regex(ACCOUNT_NUMBER, 'write 6 to 16 digits without hyphens, as text')
            .openapi({ example: '110200300401' }),
          account_holder: textSchema(HOLDER_BYTES_MAX)
            .refine(isHolder, HOLDER_REMEDY)
            .openapi({ description: 'As the bank has it: it compares them.', example: '홍길동' }),
        })
        .openapi('PayoutAccountRequest'),
    ),
  },
  responses: {
    200: json(sellerSchema, 'The seller, which is paid to this account already'),
    202: json(sellerSchema, 'The seller, with the account that waits, and since when'),
    ...problems(400, 401, 404, 409, 413, 415, 429, 500, 503),
  },
});

/** Where a seller is to be paid: a shop asks, and a person decides. */
export function payoutAccountRoutes(app: ShopApi, { db, clock, readVault }: ShopApiParts): void {
  app.openapi(
    put,
    async (c) => {
      const { seller_id } = c.req.valid('param');
      const { bank_code, account_number, account_holder } = c.req.valid('json');
      const { shopId } = c.var.shop;
      const seller = await readSeller(db, shopId, seller_id);
      if (seller === undefined) return answerProblem(c, notFound(`seller ${seller_id}`)) as never;
      const acting = { by: shopActor(shopId), reason: byApiKey(c.var.keyId), at: clock.now() };
      const details = { bankCode: bank_code, accountNumber: account_number, holder: account_holder };
      const asked = await requestAccount(db, await readVault(), acting, seller.sellerId, details);
      if (asked.outcome === 'done') {
        const requestedAccount = waitingAccountOf(asked.result.account);
        return c.json(sellerJson({ ...seller, requestedAccount }), 202);
      }
      switch (asked.code) {
        case 'approved_already': {
          const now = (await readSeller(db, shopId, seller_id)) ?? seller;
          return c.json(sellerJson(now), 200);
        }
        case 'another_waits': {
          const detail = `another account of seller ${seller_id} waits for approval, and nothing was changed; read the seller to see which one, and let your operator decide on it first`;
          return answerProblem(c, { status: 409, code: 'payout_account_waits', detail }) as never;
        }
        default:
          throw new Error(`the account of seller ${seller.sellerId} was refused: ${asked.message}`);
      }
    },
    refuseInvalidUnquoted,
  );
}

function waitingAccountOf(account: AccountView): WaitingAccount {
  return {
    bankCode: account.bank_code,
    accountNumberMasked: account.account_number_masked,
    holder: account.account_holder,
    requestedAt: account.requested_at,
  };
}

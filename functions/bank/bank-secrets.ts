import { z } from 'zod';

/** The client's credentials: read by the matcher and by settlement. */
export const bankCredentialsShape = z.object({
  client_id: z.string().min(1),
  client_secret: z.string().min(1),
  /** KFTC assigns it: ten characters. */
  organisation_code: z.string().regex(/^[0-9A-Z]{10}$/),
});

/** What only a payout needs: read by settlement alone. */
export const bankPayoutShape = z.object({
  wd_pass_phrase: z.string().min(1),
  /** The number of the payout account, as the contract with KFTC names it (`cntr_account_num`). */
  contract_account_number: z.string().regex(/^\d{1,16}$/),
});

export type PayoutSecret = z.infer<typeof bankPayoutShape>;

/** What the stories are told with. A copy of this module is a copy of the whole system, of the simulated bank and of the helpers that drive them. */
export * from './market.ts';
export { issueName } from '../../functions/orders/depositor-name.ts';
export { claim } from '../../functions/transfers/claim.step.ts';
export { cancelUnsent, recordProvenEnd } from '../../functions/transfers/outcome.repository.ts';
export { settle } from '../../functions/transfers/settle.step.ts';
export { raiseStop } from '../../functions/transfers/stops.repository.ts';

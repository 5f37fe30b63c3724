import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import type { EventEnvelope } from './event.repository.ts';

/** At most so many entries in one call (EventBridge API reference, PutEvents). */
const ENTRIES_MAX = 10;

/** What the bus knows us by: rules filter on it. */
export const EVENT_SOURCE = 'smart-transfer';

export interface EventBus {
  /** Puts events on the bus, and answers the ids of those that it has taken. */
  put(events: readonly EventEnvelope[]): Promise<ReadonlySet<string>>;
}

/**
 * The bus that the environment names, if any.
 *
 * Where functions leave by IPv6 alone, the deployment gives EventBridge's address in full, and has the other services called at the dual-stack addresses that the
 * SDK works out. A client refuses the two together, so this one works out nothing.
 */
export function openEventBus(busName: string | undefined): EventBus | undefined {
  if (busName === undefined) return undefined;
  return createEventBus(new EventBridgeClient({ useDualstackEndpoint: false }), busName);
}

export function createEventBus(client: EventBridgeClient, busName: string): EventBus {
  return {
    async put(events) {
      const taken = new Set<string>();
      for (let start = 0; start < events.length; start += ENTRIES_MAX) {
        const batch = events.slice(start, start + ENTRIES_MAX);
        const answer = await client.send(
          new PutEventsCommand({
            Entries: batch.map((event) => ({
              EventBusName: busName,
              Source: EVENT_SOURCE,
              DetailType: event.type,
              Detail: JSON.stringify(event),
              Time: new Date(event.occurred_at),
            })),
          }),
        );
        batch.forEach((event, index) => {
          if (answer.Entries?.[index]?.EventId !== undefined) taken.add(event.id);
        });
      }
      return taken;
    },
  };
}

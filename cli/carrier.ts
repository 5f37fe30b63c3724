/** What a command asks of the operators' routes. */
export interface Question {
  readonly method: 'GET' | 'POST';
  /** Without the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
  /** By which a command is done once; absent where nothing is changed. */
  readonly key?: string;
}

export interface Carried {
  readonly status: number;
  readonly text: string;
  /** After how long to ask again, ms, where the other side has said it. */
  readonly retryAfterMs?: number;
}

/** There was nobody to ask, or no answer came: the message says what to do. */
export class NoAnswer extends Error {
  override readonly name = 'NoAnswer';
  /** Whether what was asked for may have been done all the same. */
  readonly mayBeDone: boolean;

  constructor(message: string, { mayBeDone = false } = {}) {
    super(message);
    this.mayBeDone = mayBeDone;
  }
}

/** The headers of a question, whoever carries it. */
export function headersOf({ body, key }: Question): Record<string, string> {
  return {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(key === undefined ? {} : { 'idempotency-key': key }),
  };
}

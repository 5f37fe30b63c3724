/** What became of one invocation. Nothing of it is thrown: a caller has to look. */
export type InvocationResult =
  /** The handler returned; `payload` is its JSON, read back. */
  | { readonly outcome: 'returned'; readonly payload: unknown }
  /** The handler threw, or the function could not be loaded. */
  | {
      readonly outcome: 'failed';
      readonly errorType: string;
      readonly errorMessage: string;
      readonly stack?: string;
    }
  /** The function was killed at the end of its time. What it had sent by then is sent. */
  | { readonly outcome: 'timed_out' }
  /** The process ended by itself or was killed, with no answer. */
  | { readonly outcome: 'crashed'; readonly exitCode: number | null; readonly signal: NodeJS.Signals | null }
  /** All sandboxes were busy: the function has not run. */
  | { readonly outcome: 'throttled' };

/** An event on its way into a sandbox. */
export interface Delivery {
  readonly requestId: string;
  /** The event as JSON. */
  readonly event: string;
  readonly functionArn: string;
  /** When the function will be killed, in milliseconds since 1970. */
  readonly deadlineMs: number;
}

/** An error as a function tells it through the Runtime API. */
export interface FunctionError {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace: readonly string[];
}

/** A result for an error that the function told. */
export function failedWith(error: FunctionError): InvocationResult {
  const { errorType, errorMessage, trace } = error;
  return {
    outcome: 'failed',
    errorType,
    errorMessage,
    ...(trace.length > 0 ? { stack: trace.join('\n') } : {}),
  };
}

import type { CallHttp, HttpRequest, HttpResult } from '../../functions/bank/http-call.ts';
import type { WireAnswer } from '../bank-simulator/answers.ts';
import type { WireRequest } from '../bank-simulator/wire.ts';
import type { Sandbox } from './sandbox.ts';
import type { WorldState } from './world-state.ts';

/** A message that was written reaches the bank within this, or never, ms: before the lease of its claim can end (docs/architecture.md). */
const ARRIVES_WITHIN_MS = 65_000;

/**
 * The line between a function and the bank. Connecting, writing, the message's arrival and its answer are events of their own; once written, a message
 * is on its way, whatever becomes of the function.
 */
export function createBankLink(
  state: WorldState,
  sandbox: Sandbox,
  answer: (request: WireRequest) => WireAnswer,
  arrivesWithinMs = ARRIVES_WITHIN_MS,
): CallHttp {
  return async (request) =>
    await new Promise<HttpResult>((resolve, reject) => {
      const call = new Call(state, sandbox, request, resolve);
      state.timeline.after(
        sandbox.stepMs(),
        () => {
          try {
            call.write(answer, arrivesWithinMs);
          } catch (error) {
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        },
        sandbox,
      );
    });
}

class Call {
  readonly #state: WorldState;
  readonly #sandbox: Sandbox;
  readonly #request: HttpRequest;
  readonly #resolve: (result: HttpResult) => void;
  readonly #callOff: () => void;
  #written = false;
  #over = false;

  constructor(
    state: WorldState,
    sandbox: Sandbox,
    request: HttpRequest,
    resolve: (result: HttpResult) => void,
  ) {
    this.#state = state;
    this.#sandbox = sandbox;
    this.#request = request;
    this.#resolve = resolve;
    this.#callOff = state.timeline.after(request.timeoutMs, () => this.#timeOut(), sandbox);
  }

  write(answer: (request: WireRequest) => WireAnswer, arrivesWithinMs: number): void {
    const [state, sandbox] = [this.#state, this.#sandbox];
    if (this.#over) return;
    if (sandbox.diesHere(`before writing to ${this.#path()}`)) return;
    if (sandbox.loses('bank_unreachable', this.#path())) {
      this.#end({ outcome: 'not_written', cause: 'connection', error: 'ECONNREFUSED' });
      return;
    }
    if (this.#request.mayStillWrite?.() === false) {
      state.record(sandbox, 'finds that it is too late to write to the bank', true);
      this.#end({ outcome: 'not_written', cause: 'deadline', error: 'too late to write' });
      return;
    }
    this.#written = true;
    const isTransfer = this.#path().startsWith('/v2.0/transfer/deposit');
    state.record(sandbox, `writes to ${this.#path()}`, isTransfer);
    if (!state.befalls('request_lost')) {
      const late = state.befalls('request_late');
      const underWayMs = late ? state.random.integer(1000, arrivesWithinMs) : state.random.integer(1, 40);
      state.timeline.after(underWayMs, () => this.#arrive(answer, isTransfer));
    }
    sandbox.diesHere(`after writing to ${this.#path()}`);
  }

  /** The message has come to the bank. That its sender may be dead by now is nothing to it. */
  #arrive(answer: (request: WireRequest) => WireAnswer, isTransfer: boolean): void {
    const { method, url, headers, body } = this.#request;
    const answered = answer({
      method,
      url,
      authorization: headers['authorization'] ?? '',
      contentType: headers['content-type'] ?? '',
      body,
    });
    this.#state.record('bank', `answers ${this.#path()}: ${toText(answered, isTransfer)}`, isTransfer);
    if (answered.kind === 'silence') return;
    const wayMs = this.#state.random.integer(1, 40);
    this.#state.timeline.after(answered.delayMs + wayMs, () => this.#deliver(answered), this.#sandbox);
  }

  #deliver(answer: Exclude<WireAnswer, { kind: 'silence' }>): void {
    if (this.#over || this.#sandbox.diesHere(`at the answer of ${this.#path()}`)) return;
    const { status, body } = answer;
    if (answer.kind === 'whole') this.#end({ outcome: 'answered', status, body });
    else {
      const half = body.slice(0, Math.floor(body.length / 2));
      this.#end({ outcome: 'broken', error: 'ECONNRESET', status, body: half });
    }
  }

  #timeOut(): void {
    if (this.#over) return;
    this.#state.record(this.#sandbox, `hears nothing from ${this.#path()} in time`, true);
    this.#end(
      this.#written
        ? { outcome: 'broken', error: 'timeout' }
        : { outcome: 'not_written', cause: 'connection', error: 'timeout' },
    );
  }

  #end(result: HttpResult): void {
    if (this.#over) return;
    this.#over = true;
    this.#callOff();
    this.#resolve(result);
  }

  #path(): string {
    return this.#request.url.pathname;
  }
}

/** What the history says of an answer: of a transfer its codes, of others that there was one. */
function toText(answer: WireAnswer, isTransfer: boolean): string {
  if (answer.kind === 'silence') return 'silence';
  const codes = isTransfer ? (answer.body.match(/"(?:bank_)?rsp_code":"[^"]*"/g) ?? []).join(' ') : '';
  return `${answer.kind} ${answer.status} ${codes}`;
}

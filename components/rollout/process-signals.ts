import type { SignalSource } from './run.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** What is said last must reach the engine before the program ends, ms. */
const LAST_WORDS_MS = 400;

/** The status by which Pulumi's host knows that the program has said what was wrong. */
const SAID_ALREADY = 32;

/**
 * The signals of this process. The engine sends SIGINT when somebody presses Ctrl-C, when it gets SIGTERM, and when it dies; five seconds later it kills. Nobody
 * listens while nothing is shifted: then a signal ends the program at once, as it does without this.
 */
export const processSignals: SignalSource = {
  listen(told) {
    for (const signal of SIGNALS) process.on(signal, told);
    return () => {
      for (const signal of SIGNALS) process.off(signal, told);
    };
  },
  endSoon() {
    setTimeout(() => process.exit(SAID_ALREADY), LAST_WORDS_MS);
  },
};

/**
 * How long a queue hides a message that was handed out, seconds: six times what its function may take, so that a batch which is slow, or waits for a free
 * place, is not handed out twice (Lambda developer guide, "Using Lambda with Amazon SQS").
 */
export function visibilitySeconds(functionTimeoutSeconds: number): number {
  return 6 * functionTimeoutSeconds;
}

/**
 * The same for what a cycle dispatches, seconds. It is less than a cycle: a killed batch locks its groups until the time is over, and by the next cycle,
 * which dispatches again what nobody claimed, they are free.
 *
 * @throws when the cycle is too short for the function.
 */
export function visibilityWithinCycle(functionTimeoutSeconds: number, cycleMinutes: number): number {
  const visibility = visibilitySeconds(functionTimeoutSeconds);
  const cycle = cycleMinutes * 60;
  if (visibility < cycle) return visibility;
  throw new Error(
    `a message is hidden for ${visibility} s (six times the function's ${functionTimeoutSeconds} s), which is not less than a cycle of ${cycle} s; lengthen the cycle or shorten the function's time`,
  );
}

const turns = new Map<string, Promise<unknown>>();

/** Runs `act` after all that was given the same key before, whatever became of it: one at a time. */
export function awaitTurn<T>(key: string, act: () => Promise<T>): Promise<T> {
  const before = turns.get(key) ?? Promise.resolve();
  const turn = before.then(act, act);
  turns.set(
    key,
    turn.catch(() => {}),
  );
  return turn;
}

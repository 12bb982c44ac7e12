/** What a kind needs: host, port, url. */
export type Settings = Readonly<Record<string, unknown>>;

/** Settings of one service or caller, as JSON: a command, a few headers. */
const charsMax = 8_192;
/** Lists within objects within lists: more than any kind needs, and no danger to whoever walks them. */
const depthMax = 16;

/** For sentences. */
export const settingsWanted = `an object of at most ${charsMax} characters, nested ${depthMax} deep at the most`;

/** Whether plain JSON can be the settings of a service or a caller. */
export function isSettings(value: unknown): value is Settings {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    isShallow(value, depthMax) &&
    JSON.stringify(value).length <= charsMax
  );
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((one) => isShallow(one, depth - 1));
}

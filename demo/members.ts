/**
 * How many members a room has now, on all pods. `joined` has the number of that moment, and an `online` that
 * comes later may be of a member that it has counted: so the page asks again when somebody comes or leaves.
 */

export type AskJson = (
  url: string,
  init: { readonly headers: Readonly<Record<string, string>> },
) => Promise<{ readonly json: () => Promise<unknown> }>;

/** Undefined when the service does not say it. */
export const membersOf = async (
  ask: AskJson,
  address: { readonly base: string; readonly room: string; readonly token: string },
): Promise<number | undefined> => {
  const { base, room, token } = address;
  const headers: Readonly<Record<string, string>> =
    token === '' ? {} : { Authorization: `Bearer ${token}` };
  try {
    const answer = await ask(`${base}/rooms/${encodeURIComponent(room)}`, { headers });
    const body = await answer.json();
    const members =
      typeof body === 'object' && body !== null && 'members' in body ? body.members : undefined;
    return typeof members === 'number' ? members : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Who this page was before it was loaded anew. The farewell of a page that goes is not always
 * heard; telling the id of the session that it had makes the server end that one, so that nobody
 * meets a ghost of itself.
 *
 * The id is kept only while no page has it: a tab that is duplicated copies what is stored.
 */
const KEY = "tertulia.former-session";

export function keepFormerSession(id: string): void {
  try {
    if (id !== "") sessionStorage.setItem(KEY, id);
  } catch {
    // Storage is forbidden here: the old session ends by itself a little later.
  }
}

export function takeFormerSession(): string {
  try {
    const id = sessionStorage.getItem(KEY) ?? "";
    sessionStorage.removeItem(KEY);
    return id;
  } catch {
    return "";
  }
}

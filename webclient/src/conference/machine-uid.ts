/** Tells the focus that two visits come from the same browser; means nothing anywhere else. */
export function machineUid(): string {
  const key = "tertulia.machine-uid";
  try {
    const known = localStorage.getItem(key);
    if (known) return known;
    const fresh = crypto.randomUUID();
    localStorage.setItem(key, fresh);
    return fresh;
  } catch {
    return crypto.randomUUID();
  }
}

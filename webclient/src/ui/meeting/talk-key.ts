/** When the space bar is for talking. */
const TYPING = "input, textarea, select, dialog, [role=menu], [contenteditable], summary";

/** The bar also presses buttons and links: it is theirs while the keyboard has brought us there. */
export function isForTalking(event: KeyboardEvent): boolean {
  if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) {
    return false;
  }
  const target = event.target as HTMLElement | null;
  if (target?.closest(TYPING)) return false;
  const control = target?.closest("button, a");
  return !control?.matches(":focus-visible");
}

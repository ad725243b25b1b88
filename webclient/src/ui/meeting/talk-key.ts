/** When the space bar is for talking. */
const TYPING = "input, textarea, select, dialog, [role=menu], [contenteditable], summary";

/**
 * The bar also presses buttons and links: it is theirs while the keyboard has brought us there, and
 * ours on the one that a mouse has `clicked` and left the focus on. (`:focus-visible` cannot tell:
 * the press itself makes it match.)
 */
export function isForTalking(event: KeyboardEvent, clicked: Element | null): boolean {
  if (event.key !== " " || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) {
    return false;
  }
  const target = event.target as HTMLElement | null;
  if (target?.closest(TYPING)) return false;
  const control = target?.closest("button, a");
  return !control || control === clicked;
}

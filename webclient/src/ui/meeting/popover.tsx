/**
 * A button that opens something small beside itself: an explanation, or a menu (arrow keys walk
 * through it). Escape and a click elsewhere close it, and the focus goes back to the button.
 */
import { useSignal } from "@preact/signals";
import { type ComponentChildren, createContext, type JSX } from "preact";
import { useContext, useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../icons";

export interface PopoverProps {
  readonly class?: string;
  readonly testId?: string;
  readonly label: string;
  readonly icon: IconName;
  /** Words under or beside the icon. */
  readonly text?: string;
  readonly isMenu?: boolean;
  readonly contentClass?: string;
  readonly children: ComponentChildren;
}

const EDGE = 8;

/** Closes the menu around an item and gives the focus back. */
const CloseMenu = createContext<() => void>(() => undefined);

/**
 * Close first, then do what was picked: what opens by it takes the focus from the menu's button and
 * gives it back there, not to an item that is gone.
 */
function usePick(onPick: () => void): () => void {
  const close = useContext(CloseMenu);
  return () => {
    close();
    onPick();
  };
}

export function Popover(props: PopoverProps): JSX.Element {
  const isOpen = useSignal(false);
  const button = useRef<HTMLButtonElement>(null);
  const content = useRef<HTMLDivElement>(null);

  const close = (giveFocusBack: boolean): void => {
    isOpen.value = false;
    if (giveFocusBack) button.current?.focus();
  };

  useLayoutEffect(() => {
    const box = content.current;
    const anchor = button.current;
    if (!isOpen.value || !box || !anchor) return;
    // The top layer: nothing around the button may cut it off or cover it.
    box.showPopover?.();
    const keepPlace = (): void => place(box, anchor.getBoundingClientRect());
    keepPlace();
    if (props.isMenu) items(box)[0]?.focus();
    else box.focus();
    const outside = (event: Event): void => {
      const target = event.target as Node;
      if (!content.current?.contains(target) && !button.current?.contains(target)) close(false);
    };
    // Also when the focus is on the button: then no key reaches the content.
    const press = (event: KeyboardEvent): void => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      event.stopPropagation();
      close(true);
    };
    // Also when a phone is turned.
    window.addEventListener("resize", keepPlace);
    document.addEventListener("pointerdown", outside, true);
    document.addEventListener("keydown", press, true);
    return () => {
      window.removeEventListener("resize", keepPlace);
      document.removeEventListener("pointerdown", outside, true);
      document.removeEventListener("keydown", press, true);
    };
  }, [isOpen.value]);

  const walk = (event: KeyboardEvent): void => {
    const box = content.current;
    if (!box) return;
    if (!props.isMenu) return;
    if (event.key === "Tab") {
      event.preventDefault();
      close(true);
      return;
    }
    const all = items(box);
    const at = all.indexOf(document.activeElement as HTMLElement);
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    let next: HTMLElement | undefined;
    if (step) next = all[(at + step + all.length) % all.length];
    else if (event.key === "Home") next = all[0];
    else if (event.key === "End") next = all.at(-1);
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <>
      <button
        ref={button}
        type="button"
        class={props.class ?? "button"}
        data-testid={props.testId}
        aria-label={props.label}
        title={props.text === props.label ? undefined : props.label}
        aria-expanded={isOpen.value}
        aria-haspopup={props.isMenu ? "menu" : "dialog"}
        onClick={() => {
          isOpen.value = !isOpen.value;
        }}
      >
        <Icon name={props.icon} />
        {props.text && <span class="control-label">{props.text}</span>}
      </button>
      {isOpen.value && (
        // biome-ignore lint/a11y/noStaticElementInteractions: it is a menu or a dialog, by its role
        // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles take a name
        <div
          ref={content}
          class={`popover ${props.contentClass ?? ""}`}
          role={props.isMenu ? "menu" : "dialog"}
          aria-label={props.label}
          tabIndex={-1}
          popover="manual"
          data-open-menu
          onKeyDown={walk}
          onClick={(event) => {
            const isItem = (event.target as HTMLElement).closest("[role^=menuitem]") !== null;
            if (props.isMenu && isOpen.value && isItem) close(true);
          }}
        >
          <CloseMenu.Provider value={() => close(true)}>{props.children}</CloseMenu.Provider>
        </div>
      )}
    </>
  );
}

function items(box: HTMLElement): HTMLElement[] {
  return Array.from(box.querySelectorAll<HTMLElement>("[role^=menuitem]:not(:disabled)")).filter(
    // Some stand there for phones only.
    (item) => item.offsetParent !== null,
  );
}

/** Above or below the button, wherever there is room, and never outside the window. */
function place(box: HTMLElement, anchor: DOMRect): void {
  const { width, height } = box.getBoundingClientRect();
  const left = Math.min(
    Math.max(EDGE, anchor.left + anchor.width / 2 - width / 2),
    window.innerWidth - width - EDGE,
  );
  const below = anchor.bottom + EDGE;
  const above = anchor.top - EDGE - height;
  const isLow = below + height > window.innerHeight - EDGE;
  box.style.left = `${Math.max(EDGE, left)}px`;
  box.style.top = `${Math.max(EDGE, isLow ? above : below)}px`;
}

export interface MenuChoiceProps extends MenuItemProps {
  readonly kind: "radio" | "checkbox";
  readonly isChecked: boolean;
}

/** One of several, or something on or off: a mark says which. */
export function MenuChoice(props: MenuChoiceProps): JSX.Element {
  const pick = usePick(props.onPick);
  return (
    // biome-ignore lint/a11y/useAriaPropsSupportedByRole: both roles have a checked state
    <button
      type="button"
      role={props.kind === "radio" ? "menuitemradio" : "menuitemcheckbox"}
      aria-checked={props.isChecked}
      class={`menu-item ${props.class ?? ""}`}
      data-testid={props.testId}
      tabIndex={-1}
      onClick={pick}
    >
      <Icon name={props.icon} />
      <span>{props.text}</span>
      <span class="menu-mark">{props.isChecked && <Icon name="check" />}</span>
    </button>
  );
}

/** Leads away from the meeting, into a tab of its own. */
export function MenuLink({
  icon,
  text,
  href,
  testId,
}: {
  icon: IconName;
  text: string;
  href: string;
  testId: string;
}): JSX.Element {
  return (
    <a
      role="menuitem"
      class="menu-item"
      data-testid={testId}
      tabIndex={-1}
      href={href}
      target="_blank"
      rel="noopener noreferrer"
    >
      <Icon name={icon} />
      <span>{text}</span>
    </a>
  );
}

export interface MenuItemProps {
  readonly icon: IconName;
  readonly text: string;
  readonly testId?: string;
  readonly class?: string;
  readonly shortcut?: string;
  readonly onPick: () => void;
}

export function MenuItem(props: MenuItemProps): JSX.Element {
  const pick = usePick(props.onPick);
  return (
    <button
      type="button"
      role="menuitem"
      class={`menu-item ${props.class ?? ""}`}
      data-testid={props.testId}
      tabIndex={-1}
      onClick={pick}
    >
      <Icon name={props.icon} />
      <span>{props.text}</span>
      {props.shortcut && <kbd>{props.shortcut}</kbd>}
    </button>
  );
}

/** A box over the meeting that wants an answer; Escape and a click beside it close it. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { dialog } from "../app";
import { Icon } from "../icons";
import { t } from "../language";

export function Modal({
  title,
  children,
}: {
  title: string;
  children: ComponentChildren;
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const returnTo = document.activeElement as HTMLElement | null;
    box.current?.showModal();
    return () => returnTo?.focus();
  }, []);
  const close = (): void => {
    dialog.value = null;
  };
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog by itself
    <dialog
      ref={box}
      aria-label={title}
      onClose={close}
      onClick={(event) => {
        if (event.target === box.current) close();
      }}
    >
      <div class="dialog-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="button quiet square"
          aria-label={t("panel.close")}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </div>
      {children}
    </dialog>
  );
}

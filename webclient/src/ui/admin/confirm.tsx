/** One question before something that cannot be undone. */
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../language";

export function Confirm(props: {
  title: string;
  detail: string;
  button: string;
  onYes: () => void;
  onClose: () => void;
}): JSX.Element {
  const box = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => box.current?.showModal(), []);
  return (
    <dialog ref={box} aria-labelledby="confirm-title" onClose={props.onClose}>
      <div class="stack">
        <h2 id="confirm-title">{props.title}</h2>
        <p>{props.detail}</p>
        <div class="form-buttons">
          <button type="button" class="button" onClick={() => box.current?.close()}>
            {t("cancel")}
          </button>
          <button
            type="button"
            class="button danger"
            data-testid="confirm"
            onClick={() => {
              props.onYes();
              box.current?.close();
            }}
          >
            {props.button}
          </button>
        </div>
      </div>
    </dialog>
  );
}

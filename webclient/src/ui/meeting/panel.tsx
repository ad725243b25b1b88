/** The side panel's frame; on a phone it is a sheet. */
import type { ComponentChildren, JSX } from "preact";
import { panel } from "../app";
import { Icon } from "../icons";
import { t } from "../language";

export function PanelFrame({
  title,
  children,
}: {
  title: string;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <aside class="panel" aria-label={title}>
      <header class="panel-head">
        <h2>{title}</h2>
        <button
          type="button"
          class="button quiet square"
          data-testid="panel-close"
          aria-label={t("panel.close")}
          title={t("panel.close")}
          onClick={() => {
            panel.value = null;
          }}
        >
          <Icon name="close" />
        </button>
      </header>
      {children}
    </aside>
  );
}

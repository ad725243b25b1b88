/** The side panel: one at a time, with the way to the others on top; on a phone it is a sheet. */
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { conference, type Panel, panel, unread } from "../app";
import { Icon, type IconName } from "../icons";
import { t } from "../language";
import { panels } from "./intents";

const ICONS: Readonly<Record<Panel, IconName>> = {
  people: "people",
  chat: "chat",
  files: "file",
  polls: "poll",
  control: "control",
};

/** What waits behind a tab. */
function countOf(which: Panel): number {
  const { lobby, polls, isModerator } = conference.value;
  if (which === "chat") return unread.value;
  if (which === "people") return isModerator ? lobby.waiting.length : 0;
  if (which === "polls") {
    return polls.filter((poll) => !poll.isClosed && poll.ownAnswers === null).length;
  }
  return 0;
}

function Tab({ which, title }: { which: Panel; title: string }): JSX.Element {
  const isOpen = panel.value === which;
  const name = isOpen ? title : t(`panel.${which}`);
  const count = isOpen ? 0 : countOf(which);
  return (
    <button
      type="button"
      class="panel-tab"
      data-testid={`tab-${which}`}
      aria-current={isOpen ? "true" : undefined}
      aria-label={count > 0 ? `${name}, ${t("panel.news", { count })}` : name}
      title={isOpen ? undefined : name}
      onClick={() => {
        panel.value = which;
      }}
    >
      {isOpen ? <span>{title}</span> : <Icon name={ICONS[which]} />}
      {count > 0 && (
        <span class="tab-count" aria-hidden="true">
          {count}
        </span>
      )}
    </button>
  );
}

/** What had the keyboard before a panel was opened. */
let cameFrom: HTMLElement | null = null;

export function PanelFrame({
  title,
  children,
}: {
  title: string;
  children: ComponentChildren;
}): JSX.Element {
  const open = panel.value;
  const box = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const { activeElement } = document;
    // A field of the panel may have the keyboard already.
    if (!element.contains(activeElement)) {
      // From one panel to the next it is the way back from the first.
      if (!activeElement?.closest(".panel")) cameFrom ??= activeElement as HTMLElement | null;
      element.focus();
    }
    return () => {
      if (panel.value !== null) return;
      if (element.contains(document.activeElement)) cameFrom?.focus();
      cameFrom = null;
    };
  }, []);
  return (
    <aside ref={box} class="panel" aria-label={title} tabIndex={-1} data-testid={`panel-${open}`}>
      <header class="panel-head">
        <h2 class="visually-hidden">{title}</h2>
        <nav class="panel-tabs" aria-label={t("panel.others")}>
          {panels.value.map((which) => (
            <Tab key={which} which={which} title={title} />
          ))}
        </nav>
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

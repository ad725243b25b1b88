/** Reactions as people see them. */

import type { JSX } from "preact";
import { REACTIONS, type Reaction } from "../../protocol/messages";
import { meeting } from "../app";
import { t } from "../language";
import { Popover } from "./popover";

const GLYPHS: Readonly<Record<Reaction, string>> = {
  like: "👍",
  clap: "👏",
  laugh: "😂",
  surprised: "😮",
  love: "❤️",
};

export function reactionGlyph(reaction: Reaction): string {
  return GLYPHS[reaction];
}

export function ReactionButton(): JSX.Element {
  return (
    <Popover
      class="control"
      contentClass="reaction-row"
      testId="reactions"
      label={t("toolbar.react")}
      text={t("toolbar.react")}
      icon="smile"
      isMenu
    >
      <ReactionRow />
    </Popover>
  );
}

export function ReactionRow(): JSX.Element {
  return (
    <div class="reaction-choices" role="none">
      {REACTIONS.map((reaction) => (
        <button
          key={reaction}
          type="button"
          role="menuitem"
          tabIndex={-1}
          class="reaction-choice"
          data-testid={`reaction-${reaction}`}
          aria-label={t(`reaction.${reaction}`)}
          title={t(`reaction.${reaction}`)}
          onClick={() => meeting.value?.react(reaction)}
        >
          {GLYPHS[reaction]}
        </button>
      ))}
    </div>
  );
}

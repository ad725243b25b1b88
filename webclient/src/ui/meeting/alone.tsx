/** Nobody else yet: the one thing to do is to send the link. */
import type { JSX } from "preact";
import { conference, roomLink } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { copyInvitation } from "./actions";

export function Alone(): JSX.Element {
  return (
    <section class="alone">
      <div>
        <h2>{t("meeting.alone")}</h2>
        <p>{t("meeting.aloneDetail")}</p>
      </div>
      <p class="alone-link">{roomLink(conference.value.room).replace(/^https?:\/\//, "")}</p>
      <button
        type="button"
        class="button primary"
        data-testid="copy-invitation"
        onClick={() => void copyInvitation()}
      >
        <Icon name="copy" />
        {t("toolbar.copyInvitation")}
      </button>
    </section>
  );
}

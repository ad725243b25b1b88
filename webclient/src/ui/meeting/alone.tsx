/** Nobody else yet: the one thing to do is to send the link. */
import type { JSX } from "preact";
import { conference, roomLink } from "../app";
import { Icon } from "../icons";
import { t } from "../language";
import { copyInvitation } from "./actions";

export function Alone(): JSX.Element {
  const { here, plan } = conference.value.breakouts;
  // The others are not far: an invitation would be the wrong thing to send.
  if (here !== "" || plan.isOpen) {
    return (
      <section class="alone">
        <div>
          <h2>{t(here !== "" ? "groups.alone" : "groups.othersAway")}</h2>
          <p>{t(here !== "" ? "groups.aloneDetail" : "groups.othersAwayDetail")}</p>
        </div>
      </section>
    );
  }
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

/** Turns the pages of a grid that has more people than places. */
import type { JSX } from "preact";
import { Icon } from "../icons";
import { t } from "../language";

export function Pager(props: {
  page: number;
  pages: number;
  onTurn: (page: number) => void;
}): JSX.Element {
  const { page, pages, onTurn } = props;
  return (
    <nav class="pager" aria-label={t("meeting.page", { page: page + 1, pages })}>
      <button
        type="button"
        class="round"
        data-testid="previous-page"
        aria-label={t("meeting.previousPage")}
        disabled={page === 0}
        onClick={() => onTurn(page - 1)}
      >
        <Icon name="chevron-left" />
      </button>
      <span>
        {page + 1} / {pages}
      </span>
      <button
        type="button"
        class="round"
        data-testid="next-page"
        aria-label={t("meeting.nextPage")}
        disabled={page >= pages - 1}
        onClick={() => onTurn(page + 1)}
      >
        <Icon name="chevron-right" />
      </button>
    </nav>
  );
}

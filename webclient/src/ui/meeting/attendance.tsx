/** Lists of who was here, from when to when, as tables for spreadsheets. */
import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import type { EarlierList } from "../../conference/attendance";
import { conference, meeting } from "../app";
import { Icon } from "../icons";
import { formatDate, formatTime, t } from "../language";

/** The list of this meeting. */
export function SaveAttendance(): JSX.Element {
  return (
    <SaveTable
      testId="attendance"
      words={t("control.attendanceSave")}
      file={conference.value.room}
      load={async () => (await meeting.value?.attendance.table()) ?? null}
    />
  );
}

/** Those of earlier meetings, for those who lead a room that is kept. */
export function EarlierLists(): JSX.Element | null {
  const lists = useSignal<readonly EarlierList[]>([]);
  useEffect(() => {
    void meeting.value?.attendance.earlier().then((found) => {
      lists.value = found;
    });
  }, []);
  if (lists.value.length === 0) return null;
  return (
    <details class="effects" data-testid="attendance-earlier">
      <summary>{t("control.attendanceEarlier", { count: lists.value.length })}</summary>
      <div class="control-buttons">
        {lists.value.map((each) => {
          const date = `${formatDate(each.endedAt)}, ${formatTime(each.endedAt)}`;
          return (
            <SaveTable
              key={each.meeting}
              testId="attendance-of"
              words={t("control.attendanceOf", { date, count: each.people })}
              file={`${conference.value.room} ${new Date(each.endedAt).toISOString().slice(0, 10)}`}
              load={async () => (await meeting.value?.attendance.tableOf(each.meeting)) ?? null}
            />
          );
        })}
      </div>
    </details>
  );
}

interface Table {
  readonly testId: string;
  readonly words: string;
  readonly file: string;
  readonly load: () => Promise<Blob | null>;
}

function SaveTable({ testId, words, file, load }: Table): JSX.Element {
  const isLoading = useSignal(false);
  const save = async (): Promise<void> => {
    isLoading.value = true;
    const table = await load();
    isLoading.value = false;
    if (!table) {
      meeting.value?.notice("attendance-failed");
      return;
    }
    const href = URL.createObjectURL(table);
    const link = document.createElement("a");
    link.href = href;
    link.download = `${file}.csv`;
    link.click();
    // The browser reads it after the click.
    window.setTimeout(() => URL.revokeObjectURL(href), 60_000);
  };
  return (
    <button
      type="button"
      class="button"
      data-testid={testId}
      disabled={isLoading.value}
      onClick={() => void save()}
    >
      <Icon name="download" />
      {words}
    </button>
  );
}
